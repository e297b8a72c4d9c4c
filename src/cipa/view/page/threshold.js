/** Thresholds on SUV: inside a sphere, and grown from a voxel. */

import { stamp } from "./brush.js";
import { unravel } from "./grid.js";

/** A rule: {percent} of a highest SUV, or {suv} as it is. */
export function cutoff(rule, highest) {
  return rule.suv ?? (rule.percent / 100) * highest;
}

/**
 * Return the voxels of a sphere whose SUV reaches a threshold.
 *
 * @param {number[]} centre voxel indices
 * @param {number} radius millimetres
 * @param {{percent?: number, suv?: number}} rule percent is of the highest SUV at a voxel of the sphere
 * @param {(x, y, z) => number} suvAt
 * @param {{step: number[], shape: number[]}} grid of the mask
 * @returns {{indices: number[], highest: number, cutoff: number}}
 */
export function thresholdInSphere(centre, radius, rule, suvAt, { step, shape }) {
  const indices = [], values = [];
  let highest = 0;
  stamp(centre, radius, step, shape, (index, x, y, z) => {
    const suv = suvAt(x, y, z);
    indices.push(index);
    values.push(suv);
    if (suv > highest) highest = suv;
  });
  const level = cutoff(rule, highest);
  // Nothing is hot where there is no uptake: 41 % of nothing is everything.
  const chosen = highest > 0 ? indices.filter((_, k) => values[k] >= level) : [];
  return { indices: chosen, highest, cutoff: level };
}

/**
 * Return the voxels that hang together with a seed by faces and whose SUV reaches a threshold.
 *
 * @param {number[]} seed voxel indices
 * @param {{percent?: number, suv?: number}} rule percent is of the SUV at the seed
 * @param {(x, y, z) => number} suvAt
 * @param {{shape: number[]}} grid of the mask
 * @param {number} most voxels at which growing stops
 * @returns {{indices: number[], cutoff: number, leaked: boolean}} leaked: it stopped at `most`
 */
export function growRegion(seed, rule, suvAt, { shape }, most) {
  const [width, height, depth] = shape;
  const plane = width * height;
  const start = seed.map(Math.round);
  const level = cutoff(rule, suvAt(...start));
  if (!(level > 0) || suvAt(...start) < level) return { indices: [], cutoff: level, leaked: false };
  const first = start[0] + start[1] * width + start[2] * plane;
  const seen = new Set([first]), indices = [first];
  const look = (index, x, y, z) => {
    if (seen.has(index)) return;
    seen.add(index);
    if (suvAt(x, y, z) >= level) indices.push(index);
  };
  for (let k = 0; k < indices.length; k += 1) {
    if (indices.length > most) return { indices, cutoff: level, leaked: true };
    const index = indices[k], [x, y, z] = unravel(index, shape);
    if (x > 0) look(index - 1, x - 1, y, z);
    if (x < width - 1) look(index + 1, x + 1, y, z);
    if (y > 0) look(index - width, x, y - 1, z);
    if (y < height - 1) look(index + width, x, y + 1, z);
    if (z > 0) look(index - plane, x, y, z - 1);
    if (z < depth - 1) look(index + plane, x, y, z + 1);
  }
  return { indices, cutoff: level, leaked: false };
}
