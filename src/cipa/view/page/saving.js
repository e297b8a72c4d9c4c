/**
 * Unsaved work is kept on disk after every stroke (autosave); saving makes a new revision. Whatever fails, the labels
 * stay in the page, and what to do is said.
 */

import * as api from "./api.js";
import { writeNifti } from "./nifti.js";
import { clear, notify, say } from "./notices.js";

/** Milliseconds of quiet after a stroke, at most from the first of several, and until the next try after a failure. */
const QUIET = 250, LONGEST = 1500, RETRY = 4000;

export class Saver {
  /**
   * @param {Study} study
   * @param {(result: object) => Promise<void>} reload shows the result as it is after a save
   */
  constructor(study, reload) {
    Object.assign(this, { study, reload, timer: null, since: null, busy: null, again: false, takeOver: false, blocked: false, kept: null, saving: false });
    study.addEventListener("change", () => this.schedule());
    addEventListener("beforeunload", (event) => {
      if (!study.unsaved || this.#isKept()) return;
      event.preventDefault();
      event.returnValue = ""; // what older browsers ask for
    });
    document.addEventListener("visibilitychange", () => document.hidden && this.timer && this.keep());
    this.#show();
  }

  /** Keep the work soon. */
  schedule(wait = QUIET) {
    this.#show();
    clearTimeout(this.timer);
    if (this.study.result.read_only || this.blocked) return;
    this.since ??= performance.now();
    const left = Math.max(0, this.since + LONGEST - performance.now()); // strokes in quick succession do not put it off
    this.timer = setTimeout(() => this.keep(), wait === QUIET ? Math.min(wait, left) : wait);
  }

  /** Keep the work now; a call during another runs once more after it. */
  async keep() {
    clearTimeout(this.timer);
    Object.assign(this, { timer: null, since: null });
    if (this.saving || this.study.result.read_only) return;
    if (this.busy) {
      this.again = true;
      return;
    }
    const step = this.study.history.done.at(-1) ?? null;
    this.busy = this.#keepNow(step);
    await this.busy;
    this.busy = null;
    if (this.again) {
      this.again = false;
      await this.keep();
    }
  }

  async #keepNow(step) {
    try {
      if (this.study.unsaved) await api.putAutosave(this.study.result, await api.gzip(this.study.labels.data), this.edits(), this.takeOver);
      else await api.dropAutosave(this.study.result, this.takeOver);
      this.takeOver = false;
      this.kept = { step, at: new Date() };
      clear("autosave");
    } catch (error) {
      this.#failed("autosave", error, "Your strokes are still in this page, but not on disk yet.");
      if (!this.blocked) this.schedule(RETRY);
    }
    this.#show();
  }

  /** Save as a new revision. */
  async save() {
    const { study } = this;
    if (study.result.read_only) return notify("save", "warning", "This result is open for reading only: there is nothing to save.");
    if (this.saving || study.busy) return null;
    this.saving = true;
    study.busy = "Saving: a moment, please.";
    clearTimeout(this.timer);
    say("Saving and measuring…");
    this.#show();
    try {
      await this.busy;
      const result = await api.postSave(study.result, await api.gzip(study.labels.data), this.edits(), this.takeOver);
      ["save", "autosave", "restored"].forEach(clear);
      this.kept = null;
      this.takeOver = false;
      await this.reload(result);
      say(`Saved as revision ${result.revision}.`);
    } catch (error) {
      say("Not saved.");
      this.#failed("save", error, "Nothing was written over, and your strokes are still in this page.");
    } finally {
      this.saving = false;
      study.busy = null;
      this.#show();
    }
    return null;
  }

  /** Tools that were used, and names and states of the lesions that have voxels. */
  edits() {
    const { study } = this;
    const lesions = study.lesions.filter((lesion) => study.labels.counts[lesion.label] > 0).map(({ label, name, state }) => ({ label, name, state }));
    const tools = new Set([...(this.earlierTools ?? []), ...study.history.tools()]);
    tools.delete("restored");
    return { tools: [...tools], lesions };
  }

  /** Give the labels as a NIfTI file to the browser's downloads. */
  async download() {
    const { study } = this;
    const file = await api.gzip(writeNifti(study.labels.shape, study.result.grid.affine, study.labels.data));
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([file]));
    link.download = "corrected-mask.nii.gz";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  }

  #failed(key, error, rest) {
    const download = { label: "Download my mask", run: () => this.download() };
    const again = { label: "Try again", run: () => (key === "save" ? this.save() : this.keep()) };
    if (error.status === 409) {
      this.blocked = true;
      const mine = { label: "Use mine", run: () => this.#take(key) };
      const theirs = { label: "Load theirs (drops mine)", run: () => this.#leave() };
      const ways = error.body.newest === undefined ? [mine, theirs, download] : [theirs, download];
      notify(key, "error", `${error.message} ${rest}`, ways);
    } else if (error.status === 507) {
      notify(key, "error", `${error.message} ${rest} Free some space, then try again.`, [again, download]);
    } else {
      notify(key, "error", `${error.message} ${rest}`, [again, download]);
    }
  }

  async #take(key) {
    this.takeOver = true;
    this.blocked = false;
    clear(key);
    await (key === "save" ? this.save() : this.keep());
  }

  #leave() {
    this.study.saved = this.study.history.done.at(-1) ?? null; // so that the browser does not ask again
    location.reload();
  }

  #isKept() {
    return this.kept !== null && this.kept.step === (this.study.history.done.at(-1) ?? null);
  }

  #show() {
    const { unsaved, result } = this.study;
    const state = this.saving ? "saving" : !unsaved ? "saved" : this.#isKept() ? "kept" : "dirty";
    const words = {
      saving: "Saving…",
      saved: result.revision ? `Revision ${result.revision}, saved` : "No corrections yet",
      kept: `Unsaved changes, kept on disk at ${this.kept?.at.toLocaleTimeString()}`,
      dirty: "Unsaved changes",
    };
    const line = document.getElementById("saved");
    line.textContent = result.copy ? "Copy for looking – not a medical device" : result.read_only ? "Read only" : words[state];
    line.dataset.state = state;
  }
}
