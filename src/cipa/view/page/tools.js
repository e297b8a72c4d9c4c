/** The tools of the pointer: what a press, a drag and the wheel do in the planes. */

import { along, stamp } from "./brush.js";
import { axisAlong, inside, voxelMl } from "./grid.js";
import { notify, say } from "./notices.js";
import { add, removePiece } from "./operations.js";
import { growRegion, thresholdInSphere } from "./threshold.js";

/** Most millilitres that growing may reach: beyond, it has leaked into something else. */
const MOST_ML = 3000;

export class Tools {
  /**
   * @param {HTMLElement} pad transparent, over the planes: takes the pointer and holds the tool's outline (#ring)
   * @param {Scene} scene
   * @param {Study} study
   * @param {{radius: number, ball: boolean, rule: object}} settings millimetres; ball or disc; threshold rule
   * @param {(dx: number, dy: number) => void} onWindow right-drag, in pixels
   */
  constructor(pad, scene, study, settings, onWindow) {
    Object.assign(this, { pad, scene, study, settings, onWindow, tool: "move", axis: 2, press: null, at: null });
    this.ring = document.getElementById("ring");
    pad.addEventListener("pointerdown", (event) => this.#down(event));
    pad.addEventListener("pointermove", (event) => this.#move(event));
    for (const end of ["pointerup", "pointercancel"]) pad.addEventListener(end, (event) => this.#up(event));
    pad.addEventListener("pointerleave", () => { this.at = null; this.outline(); });
    pad.addEventListener("contextmenu", (event) => event.preventDefault());
    pad.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    this.onHover = () => {};
  }

  /** Take a tool: "move", "brush", "eraser", "sphere", "grow" or "piece". */
  take(tool) {
    const { study } = this;
    if (tool !== "move" && study.result.read_only) return say("This result is open for reading only.");
    if ((tool === "sphere" || tool === "grow") && !study.suvAt) return say("No PET was given: there is no SUV to threshold.");
    this.tool = tool;
    this.pad.dataset.tool = tool;
    for (const one of document.querySelectorAll("[data-tool-button]")) one.setAttribute("aria-pressed", String(one.dataset.toolButton === tool));
    this.outline();
    return null;
  }

  #under(event) {
    const box = this.pad.getBoundingClientRect();
    return this.scene.under(event.clientX - box.left, event.clientY - box.top);
  }

  #down(event) {
    const here = this.#under(event);
    if (!here || this.press) return;
    this.pad.setPointerCapture(event.pointerId);
    this.axis = here.axis;
    const drag = event.button === 2 ? "window" : event.button === 1 ? "pan" : this.tool;
    this.press = { drag, from: here, last: here, x: event.clientX, y: event.clientY };
    event.preventDefault();
    try {
      this.#begin(drag, here);
    } catch (error) {
      this.press = null;
      say(error.message);
    }
  }

  #begin(drag, here) {
    if (drag === "move") this.scene.goTo(here.mm);
    if (drag === "brush" || drag === "eraser") {
      this.press.label = drag === "eraser" ? 0 : this.#target();
      this.press.edit = this.study.begin(drag);
      this.#paint([here.voxel], here, here);
    }
    if (drag === "grow") this.#grow(here);
    if (drag === "piece") {
      const [x, y, z] = here.voxel.map(Math.round), [width, height] = this.study.labels.shape;
      say(removePiece(this.study, x + width * (y + height * z)));
    }
  }

  #move(event) {
    const here = this.#under(event);
    this.at = { x: event.offsetX, y: event.offsetY, here };
    if (here) this.onHover(here);
    const { press } = this;
    if (press?.drag === "window") this.onWindow(event.movementX, event.movementY);
    else if (press?.drag === "pan") here && this.scene.pan(press.from.mm, here.mm);
    else if (press && here && here.axis === press.from.axis) this.#drag(press, here);
    this.outline();
  }

  #drag(press, here) {
    if (press.drag === "move") this.scene.goTo(here.mm);
    if (press.drag === "brush" || press.drag === "eraser") {
      const { step } = this.study.grid;
      this.#paint(along(press.last.voxel, here.voxel, this.settings.radius, step), press.last, here);
    }
    press.last = here;
  }

  #up() {
    const { press } = this;
    this.press = null;
    if (!press) return;
    press.edit?.end();
    if (press.drag === "sphere") {
      const radius = distance(press.from.mm, press.last.mm);
      this.#sphere(press.from, radius >= 2 ? radius : this.settings.radius);
    }
    this.outline();
  }

  #wheel(event) {
    const here = this.#under(event);
    if (!here) return;
    event.preventDefault();
    if (event.ctrlKey || event.metaKey) this.scene.zoom(event.deltaY < 0 ? 1.15 : 1 / 1.15);
    else if (event.shiftKey) this.resize(event.deltaY + event.deltaX < 0 ? 1 : -1);
    else this.scene.move(here.axis, event.deltaY < 0 ? 1 : -1);
  }

  /** Make the brush larger (1) or smaller (-1). */
  resize(sign) {
    const { settings } = this;
    settings.radius = Math.min(Math.max(Math.round((settings.radius * 1.2 ** sign + 0.3 * sign) * 2) / 2, 0.5), 100);
    settings.onChange?.();
    this.outline();
  }

  /** Stamp at voxels of a stretch of the stroke, and show it; what other planes show of it follows when the stroke ends. */
  #paint(voxels, from, to) {
    const { study, settings, press } = this, { shape, step, affine } = study.grid;
    const normal = settings.ball ? null : axisAlong(affine, press.from.axis);
    for (const voxel of voxels) {
      stamp(voxel, settings.radius, step, shape, (index) => {
        if (press.label === 0 || study.labels.data[index] === 0) study.labels.set(index, press.label);
      }, normal);
    }
    const reach = (settings.radius + Math.max(...step)) / to.mmPerPixel + 3; // beyond, to whole voxels and their outline
    const [left, right] = [Math.min(from.x, to.x) - reach, Math.max(from.x, to.x) + reach];
    const [top, bottom] = [Math.min(from.y, to.y) - reach, Math.max(from.y, to.y) + reach];
    this.scene.refreshPart({ left, top, right, bottom });
  }

  /** The lesion to draw on; a new one where none is chosen. */
  #target() {
    const { study } = this;
    if (!study.active) {
      study.edit("new lesion", () => study.addLesion());
      study.select(study.lesions.at(-1).label);
    }
    return study.active.label;
  }

  #sphere({ voxel }, radius) {
    const { study, settings } = this;
    const { indices, highest, cutoff } = thresholdInSphere(voxel, radius, settings.rule, study.suvAt, study.grid);
    if (!indices.length) return say(`Nothing in the sphere of ${radius.toFixed(1)} mm reaches SUV ${cutoff.toFixed(2)} (its highest is ${highest.toFixed(2)}).`);
    this.#target();
    return say(`${add(study, "threshold", indices, "All of it belongs to a lesion already.")} SUV ${cutoff.toFixed(2)} and above; highest ${highest.toFixed(2)}.`);
  }

  #grow({ voxel }) {
    const { study, settings } = this;
    if (!inside(voxel, study.labels.shape)) return null;
    const most = Math.floor(MOST_ML / voxelMl(study.grid.affine));
    const { indices, cutoff, leaked } = growRegion(voxel, settings.rule, study.suvAt, study.grid, most);
    if (leaked) return notify("grow", "warning", `Growing from SUV ${cutoff.toFixed(2)} reached ${MOST_ML} mL and was stopped; nothing was changed. Raise the threshold, or use the sphere.`);
    if (!indices.length) return say(`The voxel under the pointer does not reach SUV ${cutoff.toFixed(2)}.`);
    this.#target();
    return say(`${add(study, "grow", indices, "All of it belongs to a lesion already.")} SUV ${cutoff.toFixed(2)} and above.`);
  }

  /**
   * Show the outline of brush or sphere at the pointer. An element: a canvas as large as the planes, blended over them,
   * costs 25 ms a picture where the processor draws.
   */
  outline() {
    const { at, press, settings, ring } = this;
    ring.hidden = !at?.here || !["brush", "eraser", "sphere"].includes(this.tool);
    if (ring.hidden) return;
    const dragged = press?.drag === "sphere" ? distance(press.from.mm, press.last.mm) : 0;
    const { x, y } = press?.drag === "sphere" ? press.from : at;
    const radius = Math.max((dragged >= 2 ? dragged : settings.radius) / at.here.mmPerPixel, 1);
    ring.style.width = ring.style.height = `${2 * radius}px`;
    ring.style.transform = `translate(${x - radius}px, ${y - radius}px)`;
  }
}

const distance = (a, b) => Math.hypot(...a.map((value, axis) => value - b[axis]));
