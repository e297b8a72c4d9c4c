/**
 * The three planes. NiiVue lays them out, projects, and draws crosshair and letters; what a slice shows is drawn by
 * `slice-shader.js` from textures uploaded once.
 */

import { apply, axisAlong, columns, invert, multiply, spacing } from "./grid.js";
import { writeNifti } from "./nifti.js";
import { around, drawPart } from "./part.js";
import { SLICE_SHADER, UNITS } from "./slice-shader.js";
import * as textures from "./textures.js";

/** NiiVue's slice types, by the world axis (0 right, 1 front, 2 head) across them. */
const SLICE_OF_AXIS = [2, 1, 0];
const AXIS_OF_SLICE = [2, 1, 0];
const GRID = [
  { sliceType: 0, position: [0, 0, 0.5, 0.5] },
  { sliceType: 1, position: [0.5, 0, 0.5, 0.5] },
  { sliceType: 2, position: [0, 0.5, 0.5, 0.5] },
];

/** Width of the crosshair, at least. */
const THINNEST_MM = 0.8, THINNEST_PIXELS = 1.3;

export class Scene {
  /** Start NiiVue on a canvas. Throws where the browser has no WebGL2. */
  static async create(canvas) {
    // The first context of a canvas is its only one: NiiVue gets this, which keeps what it shows for `drawPart`.
    const context = canvas.getContext("webgl2", { alpha: false, antialias: false, preserveDrawingBuffer: true });
    if (!context) throw new Error("no WebGL2");
    const nv = new window.niivue.Niivue({
      interactive: false,
      dragAndDropEnabled: false,
      logLevel: "error",
      loadingText: "",
      isOrientationTextVisible: true,
      isCornerOrientationText: false,
      isRadiologicalConvention: true,
      crosshairWidth: THINNEST_MM,
      crosshairWidthUnit: "mm",
      crosshairGap: 8,
      crosshairColor: [1, 0.85, 0.2, 0.8],
      fontColor: [1, 0.85, 0.2, 1],
      backColor: [0, 0, 0, 1],
      textHeight: 0.04,
      isAntiAlias: false,
      trustCalMinMax: true,
    });
    const scene = new Scene(nv, canvas);
    await nv.attachToCanvas(canvas, false);
    nv.setCustomSliceShader(SLICE_SHADER);
    scene.#samplers();
    return scene;
  }

  constructor(nv, canvas) {
    Object.assign(this, { nv, canvas, labels: null, other: null, ready: false, large: null, frame: null, whole: false, part: null });
    this.onDrawn = () => {};
  }

  get gl() {
    return this.nv.gl;
  }

  /** Show CT, on a grid of its own, with empty labels of a grid {shape, affine}: its voxels to RAS+ millimetres. */
  async setCt(ct, { shape, affine }) {
    const { nv, gl } = this;
    this.shape = shape;
    this.affine = affine;
    this.step = spacing(affine);
    this.toVoxel = invert(affine);
    this.ct = textures.uploadCt(gl, ct);
    this.#layout();
    const volume = await window.niivue.NVImage.new(boxOf(shape, affine), "box.nii", "gray", 1, null, 0, 1, true);
    nv.addVolume(volume);
    const rows = [0, 1, 2, 3].map((row) => [0, 1, 2, 3].map((column) => volume.frac2mm[row + 4 * column]));
    this.boxToMm = rows;
    this.mmToBox = invert(rows);
    this.#matrix("toCt", this.#toTexture(ct.affine, ct.shape));
    this.#matrix("toLabels", this.#toTexture(affine, shape));
    this.setPetLook({ top: 10, share: 0, hot: true });
    this.setLabelLook({ inside: 0, outline: 0, other: 0 });
    this.setWindow(-600, 1500);
    this.ready = true;
    this.goTo(apply(affine, shape.map((count) => (count - 1) / 2)));
  }

  /** Add PET on its own grid. */
  setPet(pet, affine) {
    this.pet = textures.uploadPet(this.gl, pet);
    this.#matrix("toPet", this.#toTexture(affine, pet.shape));
    this.hasPet = true;
  }

  /** Show labels on the CT's grid (`Labels`). */
  setLabels(labels) {
    if (this.labelTexture) this.gl.deleteTexture(this.labelTexture);
    this.labels = labels;
    this.labelTexture = textures.uploadLabels(this.gl, UNITS.labels, labels);
    this.draw();
  }

  /** Keep other labels beside, to compare with. */
  setOther(labels) {
    if (this.otherTexture) this.gl.deleteTexture(this.otherTexture);
    this.other = labels;
    this.otherTexture = textures.uploadLabels(this.gl, UNITS.other, labels);
    this.draw();
  }

  /** Show the labels that changed. */
  refresh() {
    this.#sendChanged();
    this.draw();
  }

  /** Show the labels that changed within a part of the canvas ({left, top, right, bottom}, CSS pixels), as under a brush. */
  refreshPart(part) {
    this.#sendChanged();
    this.part = around(this.part, part);
    this.#schedule();
  }

  /** Colours of the 256 labels, RGBA each (Uint8Array of 1024). */
  setPalette(colours) {
    if (this.palette) this.gl.deleteTexture(this.palette);
    this.palette = textures.uploadPalette(this.gl, colours);
    this.draw();
  }

  /** CT window: HU at the middle, and width. */
  setWindow(centre, width) {
    this.window = [centre, width];
    this.#uniform("window", (place) => this.gl.uniform2f(place, centre - width / 2, 1 / width));
    this.draw();
  }

  /** PET: SUV at the top of the colours, share over CT 0 to 1, hot or inverted grey. */
  setPetLook({ top, share, hot }) {
    const look = [1 / top, share, hot ? 1 : 0, this.hasPet && share > 0 ? 1 : 0];
    this.#uniform("petLook", (place) => this.gl.uniform4f(place, ...look));
    this.draw();
  }

  /** Opacity of labels inside, at the outline, and of the other labels' outline, 0 to 1 each. */
  setLabelLook({ inside, outline, other }) {
    const shown = this.otherTexture ? other : 0;
    this.#uniform("labelLook", (place) => this.gl.uniform3f(place, inside, outline, shown));
    this.draw();
  }

  /** Show one plane alone, by the world axis across it; null shows all. */
  enlarge(axis) {
    this.large = axis;
    this.canvas.parentElement.classList.toggle("one-plane", axis !== null);
    this.#layout();
    this.draw();
  }

  /** Zoom the planes about the crosshair; below 1 all is shown whole. */
  zoom(factor) {
    const [x, y, z, old] = this.nv.scene.pan2Dxyzmm;
    const next = Math.min(old * factor, 20);
    if (next <= 1) return this.resetZoom();
    const centre = apply(this.boxToMm, [0.5, 0.5, 0.5]), at = this.mm();
    const pan = old === 1 ? centre.map((value, axis) => value - at[axis]) : [x, y, z];
    this.nv.setPan2Dxyzmm([...pan, next]);
    return this.onDrawn();
  }

  /** Shift the planes so that what is at one point in millimetres comes to another. */
  pan(from, to) {
    const [x, y, z, zoom] = this.nv.scene.pan2Dxyzmm;
    this.nv.setPan2Dxyzmm([...[x, y, z].map((value, axis) => value + to[axis] - from[axis]), zoom]);
    this.onDrawn();
  }

  /** Show the planes whole again. */
  resetZoom() {
    this.nv.setPan2Dxyzmm([0, 0, 0, 1]);
    this.onDrawn();
  }

  /** Move the crosshair to a point in millimetres. */
  goTo(mm) {
    const box = apply(this.mmToBox, mm);
    const half = this.#boxShape().map((count) => 0.5 / count);
    this.nv.scene.crosshairPos = box.map((value, axis) => Math.min(Math.max(value, half[axis]), 1 - half[axis]));
    this.draw();
  }

  /** Move the crosshair by voxels across a plane (world axis). */
  move(axis, count) {
    const voxel = this.voxel().map(Math.round);
    const along = axisAlong(this.affine, axis);
    voxel[along] += count * Math.sign(this.affine[axis][along]);
    if (voxel[along] >= 0 && voxel[along] < this.shape[along]) this.goTo(apply(this.affine, voxel));
  }

  /** Return the crosshair in millimetres. */
  mm() {
    return apply(this.boxToMm, this.nv.scene.crosshairPos);
  }

  /** Return the crosshair in CT voxels, with fractions. */
  voxel() {
    return apply(this.toVoxel, this.mm());
  }

  /**
   * Return what lies under a place of the canvas (CSS pixels): {x, y, voxel, mm, axis, mmPerPixel}, `axis` the world
   * axis across the plane; null beside the planes.
   */
  under(x, y) {
    if (!this.ready) return null;
    const scale = this.canvas.width / this.canvas.clientWidth;
    const at = (u, v) => [...this.nv.canvasPos2frac([u * scale, v * scale])];
    const tile = this.nv.screenSlices.find(({ leftTopWidthHeight: [left, top, width, height] }) =>
      x * scale >= left && x * scale < left + width && y * scale >= top && y * scale < top + height);
    if (!tile) return null;
    const box = at(x, y);
    if (box.some((value) => !(value >= 0 && value <= 1))) return null;
    const mm = apply(this.boxToMm, box);
    const mmPerPixel = (Math.abs(tile.fovMM[0]) / tile.leftTopWidthHeight[2]) * scale; // negative where right is left
    return { x, y, mm, voxel: apply(this.toVoxel, mm), axis: AXIS_OF_SLICE[tile.axCorSag], mmPerPixel };
  }

  /** Draw at the next frame; calls until then are one. */
  draw() {
    this.whole = true;
    this.#schedule();
  }

  /** Draw at once. */
  drawNow() {
    cancelAnimationFrame(this.frame);
    Object.assign(this, { frame: null, whole: false, part: null });
    this.nv.drawScene();
    this.#keepCrosshairSeen();
    this.onDrawn();
  }

  /** A crosshair thinner than a pixel falls between pixels and is not drawn: where planes are small it is wider. */
  #keepCrosshairSeen() {
    const { nv } = this;
    const edges = nv.screenSlices.map(({ fovMM, leftTopWidthHeight }) => Math.abs(fovMM[0]) / leftTopWidthHeight[2]);
    const width = Math.max(THINNEST_MM, THINNEST_PIXELS * Math.max(...edges));
    if (Math.abs(width / nv.opts.crosshairWidth - 1) > 0.05) nv.setCrosshairWidth(width); // which draws again
  }

  #schedule() {
    if (this.ready) this.frame ??= requestAnimationFrame(() => (this.whole ? this.drawNow() : this.#drawPart()));
  }

  #drawPart() {
    const { nv, part } = this;
    Object.assign(this, { frame: null, part: null });
    drawPart(nv, part);
  }

  #sendChanged() {
    const changed = this.labels?.takeDirty();
    if (changed) textures.updateLabels(this.gl, UNITS.labels, this.labels, changed);
  }

  #samplers() {
    for (const [name, unit] of Object.entries(UNITS)) this.#uniform(name, (place) => this.gl.uniform1i(place, unit));
  }

  #boxShape() {
    return [0, 1, 2].map((world) => this.shape[axisAlong(this.affine, world)]);
  }

  #layout() {
    const one = this.large === null ? GRID : [{ sliceType: SLICE_OF_AXIS[this.large], position: [0, 0, 1, 1] }];
    this.nv.setCustomLayout(one);
  }

  #toTexture(affine, shape) {
    const half = shape.map((count, axis) => [0, 1, 2, 3].map((k) => (k === axis ? 1 / count : k === 3 ? 0.5 / count : 0)));
    return multiply([...half, [0, 0, 0, 1]], multiply(invert(affine), this.boxToMm));
  }

  #matrix(name, matrix) {
    this.#uniform(name, (place) => this.gl.uniformMatrix4fv(place, false, columns(matrix)));
  }

  #uniform(name, set) {
    const shader = this.nv.customSliceShader;
    shader.use(this.gl);
    set(this.gl.getUniformLocation(shader.program, name));
  }
}

/**
 * Return a NIfTI file of 2 x 2 x 2 voxels that fill the box of a CT. NiiVue needs no more to lay out the planes; of a whole
 * CT it would compute textures and gradients that our shader does not read: 8 s on a software renderer.
 */
function boxOf(shape, affine) {
  const halves = shape.map((count, axis) => [0, 1, 2, 3].map((k) => (k === axis ? count / 2 : k === 3 ? count / 4 - 0.5 : 0)));
  return writeNifti([2, 2, 2], multiply(affine, [...halves, [0, 0, 0, 1]]), new Uint8Array(8)).buffer;
}
