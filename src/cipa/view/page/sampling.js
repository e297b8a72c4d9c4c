/** PET at the voxels of the mask's grid, by the same linear interpolation that measures lesions. */

import { invert, multiply } from "./grid.js";

/**
 * Return a function (x, y, z) -> SUV at a voxel of the mask's grid, linear between PET voxels and 0 outside them.
 * A voxel is a box around its centre: up to half a voxel beyond the outermost centres their value holds.
 *
 * @param {Float32Array} suv x fastest
 * @param {number[]} shape of PET
 * @param {number[][]} petAffine PET voxel to RAS+ millimetres
 * @param {number[][]} affine mask voxel to the same millimetres
 */
export function sampler(suv, shape, petAffine, affine) {
  const [m0, m1, m2] = multiply(invert(petAffine), affine);
  const [width, height, depth] = shape;
  const plane = width * height;
  return (x, y, z) => {
    const u = m0[0] * x + m0[1] * y + m0[2] * z + m0[3];
    const v = m1[0] * x + m1[1] * y + m1[2] * z + m1[3];
    const w = m2[0] * x + m2[1] * y + m2[2] * z + m2[3];
    if (!(u >= -0.5 && u <= width - 0.5 && v >= -0.5 && v <= height - 0.5 && w >= -0.5 && w <= depth - 0.5)) return 0;
    const [i, a] = split(u, width), [j, b] = split(v, height), [k, c] = split(w, depth);
    const at = i + j * width + k * plane;
    const right = width > 1 ? 1 : 0, down = height > 1 ? width : 0, next = depth > 1 ? plane : 0;
    const row = (place) => suv[place] * (1 - a) + suv[place + right] * a;
    const slice = (place) => row(place) * (1 - b) + row(place + down) * b;
    return slice(at) * (1 - c) + slice(at + next) * c;
  };
}

function split(value, length) {
  const clipped = Math.min(Math.max(value, 0), length - 1);
  const low = Math.min(Math.floor(clipped), Math.max(length - 2, 0));
  return [low, clipped - low];
}
