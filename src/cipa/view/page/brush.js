/** Brush and eraser: discs in a plane and balls, in millimetres, along a stroke. */

/**
 * Call `visit(index)` for every voxel whose centre is within a radius of a point.
 *
 * @param {number[]} centre voxel indices, fractions allowed
 * @param {number} radius millimetres
 * @param {number[]} step millimetres between voxels
 * @param {number[]} shape voxels along x, y and z
 * @param {(index: number, x: number, y: number, z: number) => void} visit
 * @param {number | null} normal the axis across a disc; null for a ball. The disc lies in the plane of the voxel
 *   nearest to the centre. The voxel under the centre always belongs.
 */
export function stamp(centre, radius, step, shape, visit, normal = null) {
  const middle = centre.map((value, axis) => (axis === normal ? Math.round(value) : value));
  const nearest = centre.map(Math.round);
  const reach = [0, 1, 2].map((axis) => (axis === normal ? 0 : radius / step[axis]));
  const first = [0, 1, 2].map((axis) => Math.max(0, Math.min(nearest[axis], Math.ceil(middle[axis] - reach[axis]))));
  const last = [0, 1, 2].map((axis) => Math.min(shape[axis] - 1, Math.max(nearest[axis], Math.floor(middle[axis] + reach[axis]))));
  const squared = radius * radius;
  for (let z = first[2]; z <= last[2]; z += 1) {
    const dz = (z - middle[2]) * step[2];
    for (let y = first[1]; y <= last[1]; y += 1) {
      const dy = (y - middle[1]) * step[1];
      for (let x = first[0]; x <= last[0]; x += 1) {
        const dx = (x - middle[0]) * step[0];
        const under = x === nearest[0] && y === nearest[1] && z === nearest[2];
        if (under || dx * dx + dy * dy + dz * dz <= squared) visit(x + shape[0] * (y + shape[1] * z), x, y, z);
      }
    }
  }
}

/** Return the points to stamp between two voxels, the second included: at most half a radius or a voxel apart. */
export function along(from, to, radius, step) {
  const length = Math.hypot(...from.map((value, axis) => (to[axis] - value) * step[axis]));
  const count = Math.max(1, Math.ceil(length / Math.max(radius / 2, Math.min(...step))));
  return Array.from({ length: count }, (_, k) => from.map((value, axis) => value + ((to[axis] - value) * (k + 1)) / count));
}
