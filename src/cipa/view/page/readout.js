/** HU, SUV and lesion under the pointer, or at the crosshair. */

import { apply, inside, invert } from "./grid.js";

/** Sides of the patient where a coordinate is positive and negative. */
const SIDES = ["RL", "AP", "SI"];

/**
 * Return a function that shows what lies at a point in millimetres.
 *
 * @param {{shape, affine, data, slope, intercept} | null} ct
 * @param {Study} study
 * @param {Scene} scene
 */
export function readout(ct, study, scene) {
  const line = document.getElementById("readout");
  const toCt = ct && invert(ct.affine), about = study.result.copy ? "≈ " : "";
  return (mm) => {
    const voxel = apply(scene.toVoxel, mm).map(Math.round);
    if (!inside(voxel, scene.shape)) return;
    const [x, y, z] = voxel, index = x + scene.shape[0] * (y + scene.shape[1] * z);
    const words = [`${mm.map((value, axis) => `${SIDES[axis][value < 0 ? 1 : 0]} ${Math.abs(value).toFixed(1)}`).join("  ")} mm`, `slice ${z + 1}`];
    if (ct) words.push(`${about}${Math.round(ct.data[placeIn(ct.shape, apply(toCt, mm))] * ct.slope + ct.intercept)} HU`);
    if (study.suvAt) words.push(`SUV ${about}${study.suvAt(x, y, z).toFixed(2)}`);
    const label = study.labels.data[index];
    if (label) words.push(study.lesion(label)?.name ?? `label ${label}`);
    line.replaceChildren(...words.map((text) => Object.assign(document.createElement("span"), { textContent: text })));
  };
}

/** Return where in the array the voxel nearest to a point (voxel indices) lies. */
function placeIn(shape, point) {
  const [x, y, z] = point.map((value, axis) => Math.min(Math.max(Math.round(value), 0), shape[axis] - 1));
  return x + shape[0] * (y + shape[1] * z);
}
