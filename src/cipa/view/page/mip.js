/** The rotating maximum intensity projection of PET: frames that the server made, turned by hand or by themselves. */

import { mipFrame } from "./api.js";

const SECONDS_A_TURN = 8;

/** Pixels of the canvas for one of a frame, so that the crosshair is a thin line. */
const FINER = 3;

export class Mip {
  /** Show frames `{count, width, height}` of a result on a canvas; they arrive one by one, coarse steps first. */
  constructor(canvas, id, geometry) {
    const { count, width, height } = geometry;
    Object.assign(this, { canvas, id, count, geometry, point: null, frames: new Array(count).fill(null), at: 0, turning: false, last: 0 });
    Object.assign(canvas, { width: FINER * width, height: FINER * height });
    canvas.addEventListener("pointerdown", (event) => this.#drag(event));
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.turn(Math.sign(event.deltaY));
    }, { passive: false });
  }

  /** Fetch all frames. Throws where the first cannot be had; later ones may be missing. */
  async load() {
    await this.#fetch(0);
    this.#show();
    const order = [];
    for (let step = 2 ** Math.ceil(Math.log2(Math.max(this.count, 2))); step >= 1; step /= 2) {
      for (let number = 0; number < this.count; number += step) if (number && !order.includes(number)) order.push(number);
    }
    for (const number of order) await this.#fetch(number).catch(() => null);
  }

  /** Turn by frames. */
  turn(steps) {
    this.at = (((this.at + steps) % this.count) + this.count) % this.count;
    this.#show();
  }

  /** Start or stop turning. */
  toggle() {
    this.turning = !this.turning;
    this.last = performance.now();
    if (this.turning) requestAnimationFrame((now) => this.#tick(now));
  }

  /** Mark a point in millimetres, as the crosshair's. */
  mark(mm) {
    const same = this.point?.every((value, axis) => value === mm[axis]);
    this.point = mm;
    if (!same && !this.turning) this.#show();
  }

  #tick(now) {
    if (!this.turning) return;
    const each = (1000 * SECONDS_A_TURN) / this.count;
    if (now - this.last >= each) {
      this.turn(Math.floor((now - this.last) / each));
      this.last = now;
    }
    requestAnimationFrame((next) => this.#tick(next));
  }

  #drag(event) {
    const start = event.clientX, from = this.at;
    const move = (one) => {
      this.at = from;
      this.turn(Math.round(((one.clientX - start) / this.canvas.clientWidth) * (this.count / 2)));
    };
    this.canvas.setPointerCapture(event.pointerId);
    this.canvas.addEventListener("pointermove", move);
    this.canvas.addEventListener("pointerup", () => this.canvas.removeEventListener("pointermove", move), { once: true });
  }

  async #fetch(number) {
    this.frames[number] = await createImageBitmap(await mipFrame(this.id, number));
  }

  #show() {
    let nearest = null;
    for (let away = 0; away < this.count && !nearest; away += 1) nearest = this.frames[(this.at - away + this.count) % this.count];
    if (!nearest) return;
    const pen = this.canvas.getContext("2d");
    pen.drawImage(nearest, 0, 0, this.canvas.width, this.canvas.height);
    if (this.point && this.geometry.degrees) this.#cross(pen, ...this.project(this.point));
  }

  /** Column and row, on the canvas, of a point in millimetres in the frame shown. */
  project([x, y, z]) {
    const { width, pixel_mm: pixel, centre_mm: [cx, cy], top_mm: top, degrees } = this.geometry;
    const angle = (degrees[this.at] * Math.PI) / 180;
    return [width / 2 - ((x - cx) * Math.cos(angle) + (y - cy) * Math.sin(angle)) / pixel, (top - z) / pixel].map((value) => FINER * value);
  }

  #cross(pen, column, row) {
    Object.assign(pen, { strokeStyle: "rgb(200 110 0 / 0.8)", lineWidth: 1.5 });
    pen.beginPath();
    pen.moveTo(column, 0);
    pen.lineTo(column, this.canvas.height);
    pen.moveTo(0, row);
    pen.lineTo(this.canvas.width, row);
    pen.stroke();
  }
}
