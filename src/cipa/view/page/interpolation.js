/**
 * A lesion drawn on some slices, filled in between: shape-based interpolation (Raya and Udupa, IEEE TMI 1990,
 * doi 10.1109/42.52980). Signed distances to the outline on two slices are blended; below zero is inside.
 */

import { boxOf } from "./regions.js";

/**
 * Return the voxels between drawn slices that the label should have.
 *
 * @param {Uint8Array} data labels, x fastest
 * @param {number[]} shape voxels along x, y and z
 * @param {number[]} step millimetres between voxels
 * @param {number} label
 * @param {number} axis across the slices
 * @returns {number[]} places in the array, on slices that have no voxel of the label yet
 */
export function between(data, shape, step, label, axis) {
  const box = boxOf(data, shape, label);
  if (!box) return [];
  const [across, down] = [0, 1, 2].filter((one) => one !== axis);
  const size = [across, down].map((one) => box.high[one] - box.low[one] + 3); // a margin, so that every outline closes
  const stride = [1, shape[0], shape[0] * shape[1]];
  const place = (slice, column, row) =>
    slice * stride[axis] + (box.low[across] + column - 1) * stride[across] + (box.low[down] + row - 1) * stride[down];
  const drawn = [];
  for (let slice = box.low[axis]; slice <= box.high[axis]; slice += 1) {
    const mask = sliceOf(data, label, size, (column, row) => place(slice, column, row));
    if (mask.includes(1)) drawn.push({ slice, mask });
  }
  const found = [];
  drawn.slice(1).forEach((upper, k) => {
    const lower = drawn[k];
    if (upper.slice - lower.slice < 2) return;
    const spans = [step[across], step[down]];
    const a = signedDistance(lower.mask, size, spans), b = signedDistance(upper.mask, size, spans);
    for (let slice = lower.slice + 1; slice < upper.slice; slice += 1) {
      const part = (slice - lower.slice) / (upper.slice - lower.slice);
      a.forEach((distance, index) => {
        if (distance * (1 - part) + b[index] * part < 0) found.push(place(slice, index % size[0], Math.floor(index / size[0])));
      });
    }
  });
  return found;
}

function sliceOf(data, label, [width, height], place) {
  const mask = new Uint8Array(width * height);
  for (let row = 1; row < height - 1; row += 1) {
    for (let column = 1; column < width - 1; column += 1) mask[column + row * width] = data[place(column, row)] === label ? 1 : 0;
  }
  return mask;
}

/** Return millimetres to the nearest voxel of the other kind, negative inside the mask. */
export function signedDistance(mask, size, spans) {
  const toInside = distances(mask, 1, size, spans), toOutside = distances(mask, 0, size, spans);
  return toInside.map((distance, index) => (mask[index] ? -toOutside[index] : distance));
}

/** Exact Euclidean distance to the nearest pixel of a value: along the columns, then over the rows of those. */
function distances(mask, value, [width, height], [across, down]) {
  const columns = new Float64Array(width * height).fill(Infinity);
  for (let x = 0; x < width; x += 1) {
    for (const order of [1, -1]) {
      let run = Infinity;
      for (let k = 0, y = order > 0 ? 0 : height - 1; k < height; k += 1, y += order) {
        run = mask[x + y * width] === value ? 0 : run + down;
        columns[x + y * width] = Math.min(columns[x + y * width], run);
      }
    }
  }
  return columns.map((_, index) => {
    const x = index % width, row = index - x;
    let best = Infinity;
    for (let u = 0; u < width; u += 1) best = Math.min(best, Math.hypot((u - x) * across, columns[row + u]));
    return best;
  });
}
