/**
 * Drawing a part of the canvas alone: where the processor draws, three whole planes take 50 ms and the surroundings of a
 * brush 3 ms. A part is {left, top, right, bottom} in CSS pixels of the canvas.
 */

/** Return the smallest part around two; either may be null. */
export function around(a, b) {
  if (!a || !b) return a ?? b;
  const { min, max } = Math;
  return { left: min(a.left, b.left), top: min(a.top, b.top), right: max(a.right, b.right), bottom: max(a.bottom, b.bottom) };
}

/**
 * Let NiiVue draw the scene, but no pixel outside a part. The rest of the canvas stays as it was drawn last, for which its
 * context must have been made with `preserveDrawingBuffer`.
 */
export function drawPart(nv, { left, top, right, bottom }) {
  const { gl } = nv, { canvas } = gl, scale = canvas.width / canvas.clientWidth;
  const [x, y] = [left, top].map((edge) => Math.max(0, Math.floor(edge * scale)));
  const [width, height] = [right * scale - x, bottom * scale - y].map((size) => Math.max(0, Math.ceil(size)));
  // NiiVue's own sets the scissor to a whole tile, and switches it off again.
  nv.clearBounds = (bits) => gl.clear(bits);
  gl.clearColor(0, 0, 0, 1);
  gl.clearDepth(1);
  gl.enable(gl.SCISSOR_TEST);
  gl.scissor(x, canvas.height - y - height, width, height);
  try {
    nv.drawScene();
  } finally {
    gl.disable(gl.SCISSOR_TEST);
    delete nv.clearBounds;
  }
}
