/** The open result: its labels, its lesion list, and every edit of both as a step that can be undone. */

import { apply, voxelMl } from "./grid.js";
import { History } from "./labels.js";

/** Labels are bytes, 0 is outside. */
const MOST_LESIONS = 255;

/** Fires "change" after every edit ({touched: labels}), and "select" when another lesion is chosen. */
export class Study extends EventTarget {
  /**
   * @param {object} result as the server describes it
   * @param {Labels} labels of its revision
   * @param {((x, y, z) => number) | null} suvAt SUV at a voxel of the labels' grid; null without PET
   */
  constructor(result, labels, suvAt) {
    super();
    Object.assign(this, { labels, suvAt, history: new History(), saved: null, busy: null });
    this.adopt(result);
    this.select(this.lesions.length ? this.lesions[0].label : null);
  }

  /** Take what the server says of the result, as after a save. */
  adopt(result) {
    this.result = result;
    this.lesions = result.lesions.map((lesion) => ({ ...lesion, name: lesion.name || `Lesion ${lesion.label}`, changed: false }));
    this.saved = this.history.done.at(-1) ?? null;
    if (this.chosen) this.chosen = this.chosen.filter((label) => this.lesion(label));
  }

  /** Go on with a result as saved. Where its lesions got other numbers, what was done before can no longer be undone. */
  renew(result, labels, chosen) {
    if (labels.data.some((label, index) => label !== this.labels.data[index])) {
      this.labels = labels;
      this.history = new History();
    }
    this.adopt(result);
    this.chosen = this.lesion(chosen) ? [chosen] : this.lesions.slice(0, 1).map((lesion) => lesion.label);
    this.dispatchEvent(new Event("select"));
  }

  /** Take names and states that an earlier page kept. Call inside `edit`. */
  restoreLesions(kept) {
    const named = new Map(kept.map((lesion) => [lesion.label, lesion]));
    const known = this.lesions.map((lesion) => ({ ...lesion, ...named.get(lesion.label) }));
    const added = kept.filter(({ label }) => !this.lesion(label)).map((lesion) => ({ ...lesion, changed: true }));
    this.lesions = [...known, ...added];
    for (const label of new Set(this.labels.data)) {
      if (label && !this.lesion(label)) this.lesions.push({ label, name: `Lesion ${label}`, state: "unreviewed", changed: true });
    }
  }

  /** Whether anything differs from what is saved. */
  get unsaved() {
    return (this.history.done.at(-1) ?? null) !== this.saved;
  }

  get grid() {
    return { shape: this.labels.shape, step: this.result.grid.spacing_mm, affine: this.result.grid.affine };
  }

  /** The lesion that tools write to, null where none is chosen. */
  get active() {
    return this.chosen?.length ? this.lesion(this.chosen[0]) : null;
  }

  lesion(label) {
    return this.lesions.find((lesion) => lesion.label === label) ?? null;
  }

  /** Choose a lesion; with `also` beside those chosen before, as for merging. */
  select(label, also = false) {
    if (label === null) this.chosen = [];
    else if (!also) this.chosen = [label];
    else this.chosen = this.chosen.includes(label) ? this.chosen.filter((one) => one !== label) : [...this.chosen, label];
    this.dispatchEvent(new Event("select"));
  }

  /** Add an empty lesion to the list and return it. Call inside `edit`. Throws where 255 are there. */
  addLesion() {
    let label = 1;
    while (this.lesion(label)) label += 1;
    if (label > MOST_LESIONS) throw new Error("255 lesions are as many as this page can edit: merge or reject some first.");
    const names = new Set(this.lesions.map((lesion) => lesion.name));
    let number = this.lesions.length + 1;
    while (names.has(`Lesion ${number}`)) number += 1;
    const lesion = { label, name: `Lesion ${number}`, state: "accepted", volume_ml: 0, changed: true };
    this.lesions = [...this.lesions, lesion];
    return lesion;
  }

  /** Do an edit and note it as one step: `work` changes labels and lesions; if it throws, all is as before. */
  edit(tool, work) {
    this.#requireQuiet();
    const before = this.lesions;
    this.lesions = before.map((lesion) => ({ ...lesion }));
    try {
      work(this);
    } catch (error) {
      const change = this.labels.finish();
      if (change) this.labels.undo(change);
      this.lesions = before;
      this.#changed(change);
      throw error;
    }
    return this.#note(tool, before);
  }

  /** Begin an edit that lasts, as a stroke does; `end()` notes it as one step. */
  begin(tool) {
    this.#requireQuiet();
    const before = this.lesions;
    this.lesions = before.map((lesion) => ({ ...lesion }));
    this.busy = "Finish the stroke first.";
    return {
      end: () => {
        this.busy = null;
        return this.#note(tool, before);
      },
    };
  }

  /** Nothing is edited during a stroke, or while a save would not see it. */
  #requireQuiet() {
    if (this.busy) throw new Error(this.busy);
  }

  #note(tool, before) {
    const change = this.labels.finish();
    if (!change && JSON.stringify(before) === JSON.stringify(this.lesions)) return false;
    if (change) this.#markChanged(change);
    this.history.push({ tool, change, before, after: this.lesions });
    this.#changed(change);
    return true;
  }

  undo() {
    const step = this.busy ? null : this.history.back();
    if (!step) return false;
    if (step.change) this.labels.undo(step.change);
    this.#restore(step.before, step.change);
    return true;
  }

  redo() {
    const step = this.busy ? null : this.history.forth();
    if (!step) return false;
    if (step.change) this.labels.redo(step.change);
    this.#restore(step.after, step.change);
    return true;
  }

  #restore(lesions, change) {
    this.lesions = lesions.map((lesion) => ({ ...lesion }));
    this.chosen = this.chosen.filter((label) => this.lesion(label));
    if (!this.chosen.length && this.lesions.length) this.chosen = [this.lesions[0].label];
    this.#changed(change);
  }

  #markChanged({ before, after }) {
    const touched = new Set();
    for (let k = 0; k < before.length; k += 1) {
      touched.add(before[k]);
      touched.add(after[k]);
    }
    for (const lesion of this.lesions) if (touched.has(lesion.label)) lesion.changed = true;
  }

  /** Volumes and centres of changed lesions follow the voxels; SUV is measured when they are saved. */
  #recount() {
    const { affine } = this.grid, ml = voxelMl(affine);
    for (const lesion of this.lesions) {
      if (!lesion.changed) continue;
      const centre = this.labels.centre(lesion.label);
      Object.assign(lesion, { volume_ml: this.labels.counts[lesion.label] * ml, suv_max: null, suv_peak: null, suv_mean: null });
      lesion.centroid_mm = centre && apply(affine, centre);
    }
  }

  #changed(change) {
    this.#recount();
    this.dispatchEvent(new CustomEvent("change", { detail: { voxels: Boolean(change) } }));
  }
}
