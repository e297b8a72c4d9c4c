/** Voxel grids: affines (4 rows of 4, voxel index to RAS+ millimetres), spacing, neighbours. */

/** Return the product of two affines. */
export function multiply(a, b) {
  return a.map((row) => [0, 1, 2, 3].map((column) => row.reduce((sum, value, k) => sum + value * b[k][column], 0)));
}

/** Return the inverse of an affine whose last row is 0 0 0 1. Throws where its axes are not independent. */
export function invert(m) {
  const [[a, b, c, x], [d, e, f, y], [g, h, i, z]] = m;
  const A = e * i - f * h, B = c * h - b * i, C = b * f - c * e;
  const determinant = a * A + d * B + g * C;
  if (!Number.isFinite(1 / determinant)) throw new Error("The grid's axes are not independent of each other.");
  const rows = [
    [A, B, C],
    [f * g - d * i, a * i - c * g, c * d - a * f],
    [d * h - e * g, b * g - a * h, a * e - b * d],
  ].map((row) => row.map((value) => value / determinant));
  return [...rows.map((row) => [...row, -(row[0] * x + row[1] * y + row[2] * z)]), [0, 0, 0, 1]];
}

/** Return the point (3) that an affine makes of a point (3). */
export function apply(m, [x, y, z]) {
  return [0, 1, 2].map((row) => m[row][0] * x + m[row][1] * y + m[row][2] * z + m[row][3]);
}

/** Return millimetres between voxels along each axis. */
export function spacing(affine) {
  return [0, 1, 2].map((axis) => Math.hypot(affine[0][axis], affine[1][axis], affine[2][axis]));
}

/** Return which voxel axis runs closest to a world axis (0 right, 1 front, 2 head). */
export function axisAlong(affine, world) {
  const step = spacing(affine);
  const share = [0, 1, 2].map((axis) => Math.abs(affine[world][axis]) / step[axis]);
  return share.indexOf(Math.max(...share));
}

/** Return a 4 x 4 matrix as WebGL takes it: 16 numbers, column by column. */
export function columns(m) {
  return new Float32Array([0, 1, 2, 3].flatMap((column) => m.map((row) => row[column])));
}

/** Return millilitres of one voxel. */
export function voxelMl(affine) {
  const [[a, b, c], [d, e, f], [g, h, i]] = affine;
  return Math.abs(a * (e * i - f * h) - b * (d * i - f * g) + c * (d * h - e * g)) / 1000;
}

/** Return the indices [x, y, z] of a voxel by its place in the array (x fastest). */
export function unravel(index, [width, height]) {
  const plane = width * height;
  const z = Math.floor(index / plane);
  const y = Math.floor((index - z * plane) / width);
  return [index - z * plane - y * width, y, z];
}

/** Say whether voxel indices, rounded, lie in a grid. */
export function inside(voxel, shape) {
  return voxel.every((value, axis) => Math.round(value) >= 0 && Math.round(value) < shape[axis]);
}
