/** Pieces of a lesion and holes in it. */

import { unravel } from "./grid.js";

/** Return the smallest box around a label: {low, high} inclusive voxel indices; null where it has no voxel. */
export function boxOf(data, shape, label) {
  const low = [Infinity, Infinity, Infinity], high = [-1, -1, -1];
  for (let index = data.indexOf(label); index >= 0; index = data.indexOf(label, index + 1)) {
    const voxel = unravel(index, shape);
    for (let axis = 0; axis < 3; axis += 1) {
      if (voxel[axis] < low[axis]) low[axis] = voxel[axis];
      if (voxel[axis] > high[axis]) high[axis] = voxel[axis];
    }
  }
  return high[0] < 0 ? null : { low, high };
}

/**
 * Return the pieces of a label, largest first, each a list of places in the array. Voxels hang together by faces,
 * edges and corners, as where the network's lesions are numbered.
 */
export function pieces(data, shape, label) {
  const box = boxOf(data, shape, label);
  if (!box) return [];
  const seen = new Set(), found = [];
  forBox(box, shape, (index) => {
    if (data[index] === label && !seen.has(index)) found.push(pieceAt(data, shape, index, seen));
  });
  return found.sort((a, b) => b.length - a.length);
}

/** Return the piece of its label that a voxel belongs to, as places in the array. */
export function pieceAt(data, shape, start, seen = new Set()) {
  const label = data[start], [width, height, depth] = shape, piece = [start];
  seen.add(start);
  for (let k = 0; k < piece.length; k += 1) {
    const [x, y, z] = unravel(piece[k], shape);
    for (let w = Math.max(z - 1, 0); w <= Math.min(z + 1, depth - 1); w += 1) {
      for (let v = Math.max(y - 1, 0); v <= Math.min(y + 1, height - 1); v += 1) {
        for (let u = Math.max(x - 1, 0); u <= Math.min(x + 1, width - 1); u += 1) {
          const index = u + width * (v + height * w);
          if (data[index] === label && !seen.has(index)) {
            seen.add(index);
            piece.push(index);
          }
        }
      }
    }
  }
  return piece;
}

/** Return the voxels outside a label that cannot reach the rim of its box by faces: its holes. */
export function holes(data, shape, label) {
  const box = boxOf(data, shape, label);
  if (!box) return [];
  const size = [0, 1, 2].map((axis) => box.high[axis] - box.low[axis] + 3); // a margin of one voxel all round
  const [width, height] = size, plane = width * height;
  const state = new Uint8Array(plane * size[2]); // 0 not reached, 1 of the label, 2 outside
  const found = [];
  const local = (x, y, z) => x - box.low[0] + 1 + width * (y - box.low[1] + 1) + plane * (z - box.low[2] + 1);
  forBox(box, shape, (index, x, y, z) => {
    if (data[index] === label) state[local(x, y, z)] = 1;
  });
  const queue = [0];
  state[0] = 2;
  while (queue.length) {
    const index = queue.pop(), [x, y, z] = unravel(index, size);
    const reach = (there, next) => {
      if (there && state[next] === 0) {
        state[next] = 2;
        queue.push(next);
      }
    };
    reach(x > 0, index - 1);
    reach(x < width - 1, index + 1);
    reach(y > 0, index - width);
    reach(y < height - 1, index + width);
    reach(z > 0, index - plane);
    reach(z < size[2] - 1, index + plane);
  }
  forBox(box, shape, (index, x, y, z) => {
    if (state[local(x, y, z)] === 0) found.push(index);
  });
  return found;
}

function forBox({ low, high }, [width, height], visit) {
  for (let z = low[2]; z <= high[2]; z += 1) {
    for (let y = low[1]; y <= high[1]; y += 1) {
      for (let x = low[0]; x <= high[0]; x += 1) visit(x + width * (y + height * z), x, y, z);
    }
  }
}
