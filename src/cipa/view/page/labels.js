/** The mask that is edited: one label a voxel, and every change of it, to be undone and redone without end. */

import { unravel } from "./grid.js";

/** Voxels that a tool has changed, growing as it goes. */
class Recorder {
  constructor() {
    this.count = 0;
    this.indices = new Uint32Array(1024);
    this.before = new Uint8Array(1024);
  }

  add(index, value) {
    if (this.count === this.indices.length) {
      const indices = new Uint32Array(2 * this.count), before = new Uint8Array(2 * this.count);
      indices.set(this.indices);
      before.set(this.before);
      Object.assign(this, { indices, before });
    }
    this.indices[this.count] = index;
    this.before[this.count] = value;
    this.count += 1;
  }
}

/** One label a voxel, x fastest, 0 outside every lesion; how many voxels each has is kept up with every change. */
export class Labels {
  /**
   * @param {Uint8Array} data
   * @param {number[]} shape voxels along x, y and z
   */
  constructor(data, shape) {
    Object.assign(this, { data, shape, recorder: null, dirty: null });
    this.counts = new Float64Array(256);
    this.sums = [0, 1, 2].map(() => new Float64Array(256));
    for (let index = 0; index < data.length; index += 1) if (data[index] !== 0) this.#count(data[index], unravel(index, shape), 1);
  }

  /** Return the mean voxel indices of a label, null where it has no voxel. */
  centre(label) {
    const count = this.counts[label];
    return count ? this.sums.map((sum) => sum[label] / count) : null;
  }

  /** Set a voxel's label, by its place in the array; what was there is remembered until `finish`. */
  set(index, label) {
    const old = this.data[index];
    if (old === label) return;
    this.recorder ??= new Recorder();
    this.recorder.add(index, old);
    this.#write(index, label);
  }

  /** End a tool's work: return its change, null where it changed nothing. */
  finish() {
    const recorder = this.recorder;
    this.recorder = null;
    if (!recorder) return null;
    const indices = recorder.indices.slice(0, recorder.count), before = recorder.before.slice(0, recorder.count);
    return { indices, before, after: indices.length ? Uint8Array.from(indices, (index) => this.data[index]) : before };
  }

  /** Take a change back. Backwards: a voxel changed twice gets what it had first. */
  undo({ indices, before }) {
    for (let k = indices.length - 1; k >= 0; k -= 1) {
      this.#write(indices[k], before[k]);
    }
  }

  /** Make a change again. */
  redo({ indices, after }) {
    for (let k = 0; k < indices.length; k += 1) {
      this.#write(indices[k], after[k]);
    }
  }

  /** Return the box {low, high} of voxels that changed since the last call, null where none did. */
  takeDirty() {
    const dirty = this.dirty;
    this.dirty = null;
    return dirty;
  }

  #write(index, label) {
    const voxel = unravel(index, this.shape);
    this.#count(this.data[index], voxel, -1);
    this.#count(label, voxel, 1);
    this.data[index] = label;
    this.dirty ??= { low: [...voxel], high: [...voxel] };
    const { low, high } = this.dirty;
    for (let axis = 0; axis < 3; axis += 1) {
      if (voxel[axis] < low[axis]) low[axis] = voxel[axis];
      else if (voxel[axis] > high[axis]) high[axis] = voxel[axis];
    }
  }

  /** Count a voxel in or out. */
  #count(label, voxel, sign) {
    this.counts[label] += sign;
    for (let axis = 0; axis < 3; axis += 1) this.sums[axis][label] += sign * voxel[axis];
  }
}

/** Undo and redo, each step a change of voxels (or null), of the lesion list, and the tool that made it. */
export class History {
  constructor() {
    this.done = [];
    this.undone = [];
  }

  /** Note a step; what was undone before can no longer be redone. */
  push(step) {
    this.done.push(step);
    this.undone = [];
  }

  /** Return the step to take back, null where there is none. */
  back() {
    const step = this.done.pop();
    if (step) this.undone.push(step);
    return step ?? null;
  }

  /** Return the step to make again, null where there is none. */
  forth() {
    const step = this.undone.pop();
    if (step) this.done.push(step);
    return step ?? null;
  }

  /** Return the tools whose steps stand, each once, in the order of their first use. */
  tools() {
    return [...new Set(this.done.map((step) => step.tool))];
  }
}
