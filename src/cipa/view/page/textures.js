/** Volumes on the graphics card: CT in HU, PET in SUV, labels one byte a voxel. */

import { UNITS } from "./slice-shader.js";

/** Slices converted and uploaded at a time. */
const SLAB = 32;

/**
 * Upload CT: in half precision, which holds every whole HU to 2048 and every second beyond (a screen shows no finer); in
 * single precision where the processor draws, which takes 165 ms a frame to sample half precision and 105 ms single.
 *
 * @param {WebGL2RenderingContext} gl
 * @param {{shape: number[], data: TypedArray, slope: number, intercept: number}} ct
 */
export function uploadCt(gl, { shape, data, slope, intercept }) {
  const single = isSingle(gl), texture = start(gl, UNITS.ct, gl.LINEAR);
  const [width, height, depth] = shape, plane = width * height;
  gl.texStorage3D(gl.TEXTURE_3D, 1, single ? gl.R32F : gl.R16F, ...shape);
  const table = single ? null : halfTable();
  const values = new (single ? Float32Array : Uint16Array)(SLAB * plane);
  for (let z = 0; z < depth; z += SLAB) {
    const count = Math.min(SLAB, depth - z), first = z * plane, size = count * plane;
    for (let k = 0; k < size; k += 1) {
      const hu = data[first + k] * slope + intercept;
      values[k] = single ? hu : table[Math.min(Math.max(Math.round(hu), -32768), 32767) + 32768];
    }
    const sent = values.subarray(0, size);
    gl.texSubImage3D(gl.TEXTURE_3D, 0, 0, 0, z, width, height, count, gl.RED, single ? gl.FLOAT : gl.HALF_FLOAT, sent);
  }
  return texture;
}

/** Upload PET, SUV as float32 (x fastest). */
export function uploadPet(gl, { shape, data }) {
  const texture = start(gl, UNITS.pet, gl.LINEAR);
  gl.texImage3D(gl.TEXTURE_3D, 0, isSingle(gl) ? gl.R32F : gl.R16F, ...shape, 0, gl.RED, gl.FLOAT, data);
  return texture;
}

/** Whether to sample single precision: where the processor draws, and can. */
function isSingle(gl) {
  const known = gl.getExtension("WEBGL_debug_renderer_info");
  const renderer = String(gl.getParameter(known ? known.UNMASKED_RENDERER_WEBGL : gl.RENDERER));
  return /swiftshader|llvmpipe|softpipe|software|basic render/i.test(renderer) && gl.getExtension("OES_texture_float_linear") !== null;
}

/** Upload labels to a unit. */
export function uploadLabels(gl, unit, { shape, data }) {
  const texture = start(gl, unit, gl.NEAREST);
  gl.texImage3D(gl.TEXTURE_3D, 0, gl.R8, ...shape, 0, gl.RED, gl.UNSIGNED_BYTE, data);
  return texture;
}

/** Upload the box {low, high} (voxel indices, inclusive) of labels that changed. */
export function updateLabels(gl, unit, { shape: [width, height], data }, { low, high }) {
  const size = [0, 1, 2].map((axis) => high[axis] - low[axis] + 1);
  const strides = [[gl.UNPACK_ALIGNMENT, 1], [gl.UNPACK_ROW_LENGTH, width], [gl.UNPACK_IMAGE_HEIGHT, height]];
  gl.activeTexture(gl.TEXTURE0 + unit);
  for (const [name, value] of strides) gl.pixelStorei(name, value);
  const changed = data.subarray(low[0] + width * (low[1] + height * low[2]));
  gl.texSubImage3D(gl.TEXTURE_3D, 0, ...low, ...size, gl.RED, gl.UNSIGNED_BYTE, changed);
  for (const [name] of strides.slice(1)) gl.pixelStorei(name, 0);
}

/** Upload the colours of the 256 labels, RGBA each. */
export function uploadPalette(gl, colours) {
  gl.activeTexture(gl.TEXTURE0 + UNITS.palette);
  const texture = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D, texture);
  gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
  for (const side of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, side, gl.NEAREST);
  gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA8, 256, 1, 0, gl.RGBA, gl.UNSIGNED_BYTE, colours);
  return texture;
}

function start(gl, unit, filter) {
  gl.activeTexture(gl.TEXTURE0 + unit);
  const texture = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_3D, texture);
  gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
  for (const side of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_3D, side, filter);
  for (const axis of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T, gl.TEXTURE_WRAP_R]) gl.texParameteri(gl.TEXTURE_3D, axis, gl.CLAMP_TO_EDGE);
  return texture;
}

/** Bits of the half-precision float of every int16, at the integer + 32768. */
function halfTable() {
  const table = new Uint16Array(65536);
  for (let value = -32768; value < 32768; value += 1) {
    const size = Math.abs(value);
    if (size === 0) continue;
    const exponent = Math.floor(Math.log2(size));
    const fraction = Math.round((size / 2 ** exponent - 1) * 1024); // 1024 carries into the exponent, as it should
    table[value + 32768] = (value < 0 ? 0x8000 : 0) + ((exponent + 15) << 10) + fraction;
  }
  return table;
}
