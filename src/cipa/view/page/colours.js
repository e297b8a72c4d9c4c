/** Colours of lesions: hues a golden angle apart, rejected ones grey. */

const GREY = [150, 150, 150];

/** Return red, green and blue, 0 to 255, of a label. */
export function colourOf(label) {
  const hue = (label * 137.508 + 330) % 360;
  const part = (offset) => {
    const k = (offset + hue / 30) % 12;
    return Math.round(255 * (0.66 - 0.34 * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
  };
  return [part(0), part(8), part(4)];
}

/** Return RGBA of the 256 labels for a texture; outside lesions transparent, rejected ones grey and fainter. */
export function palette(lesions) {
  const colours = new Uint8Array(1024);
  for (let label = 1; label < 256; label += 1) colours.set([...colourOf(label), 255], 4 * label);
  for (const { label, state } of lesions) if (state === "rejected") colours.set([...GREY, 130], 4 * label);
  return colours;
}

/** Return a lesion's colour for a style sheet. */
export function cssColour({ label, state }) {
  return `rgb(${(state === "rejected" ? GREY : colourOf(label)).join(" ")})`;
}
