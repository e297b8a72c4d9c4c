/** How things are shown: CT windows, PET over CT, labels, and the controls of these. */

/** HU at the middle, and width. */
export const WINDOWS = { lung: [-600, 1500], soft: [40, 400], bone: [480, 2500] };

const VIEWS = ["fused", "ct", "pet"];
const MASKS = ["both", "outline", "hidden"];
const INSIDE = 0.28;

export class Looks {
  constructor(scene, hasPet) {
    Object.assign(this, { scene, hasPet, view: hasPet ? "fused" : "ct", share: 0.6, top: 10, mask: "both", compare: false });
    this.slider = document.getElementById("share");
    this.slider.addEventListener("input", () => {
      this.share = this.slider.valueAsNumber / 100;
      this.show(this.view === "pet" ? "pet" : "fused");
    });
    document.getElementById("top").addEventListener("change", (event) => {
      const value = event.target.valueAsNumber;
      if (value > 0) this.top = value;
      event.target.value = this.top;
      this.#apply();
    });
    for (const id of ["share", "top"]) document.getElementById(id).disabled = !hasPet;
    this.window("soft");
    this.#apply();
  }

  /** Choose a CT window by name. */
  window(name) {
    this.scene.setWindow(...WINDOWS[name]);
    this.#mark("window", name);
  }

  /** Change the CT window by a drag: right widens, down raises the middle. */
  drag(dx, dy) {
    const [centre, width] = this.scene.window;
    this.scene.setWindow(centre + dy * width / 400, Math.max(width * 1.004 ** dx, 10));
    this.#mark("window", "");
  }

  /** Show "fused", "ct" or "pet" (inverted grey); without a name the next. */
  show(name) {
    if (!this.hasPet) return;
    this.view = name ?? VIEWS[(VIEWS.indexOf(this.view) + 1) % VIEWS.length];
    this.#apply();
  }

  /** Change PET's share over CT. */
  addShare(part) {
    this.share = Math.min(Math.max(this.share + part, 0), 1);
    this.show("fused");
  }

  /** Show labels with their inside, as outlines, or not. */
  nextMask() {
    this.mask = MASKS[(MASKS.indexOf(this.mask) + 1) % MASKS.length];
    this.#apply();
  }

  /** Show or hide the outline of the other labels. */
  toggleCompare() {
    this.compare = !this.compare;
    this.#apply();
  }

  #apply() {
    const { scene, view, share, top, mask } = this;
    const inverted = view === "pet";
    scene.setPetLook({ top, share: view === "ct" ? 0 : inverted ? 1 : share, hot: !inverted });
    scene.setLabelLook({ inside: mask === "both" ? INSIDE : 0, outline: mask === "hidden" ? 0 : 1, other: this.compare ? 1 : 0 });
    this.slider.value = Math.round(share * 100);
    this.#mark("view", view);
    this.#mark("mask", mask);
    this.#mark("compare", this.compare ? "on" : "");
  }

  #mark(group, name) {
    for (const one of document.querySelectorAll(`[data-${group}]`)) one.setAttribute("aria-pressed", String(one.dataset[group] === name));
  }
}
