/** Edits of whole lesions, each one undoable step. Every function returns a sentence on what it did. */

import { axisAlong, unravel, voxelMl } from "./grid.js";
import { between } from "./interpolation.js";
import { holes, pieceAt, pieces } from "./regions.js";

const ml = (study, count) => `${(count * voxelMl(study.grid.affine)).toFixed(2)} mL`;

function needActive(study) {
  if (!study.active) throw new Error("Choose a lesion in the table first.");
  return study.active;
}

/** Start a lesion to draw. */
export function newLesion(study) {
  let lesion;
  study.edit("new lesion", () => { lesion = study.addLesion(); });
  study.select(lesion.label);
  return `${lesion.name}: draw it with the brush or a threshold.`;
}

/** Set the chosen lesions' state: "accepted", "rejected" or "unreviewed". */
export function setState(study, state) {
  needActive(study);
  study.edit(state === "rejected" ? "reject" : "accept", () => {
    for (const label of study.chosen) study.lesion(label).state = state;
  });
  return `${study.chosen.length === 1 ? study.active.name : `${study.chosen.length} lesions`}: ${state}.`;
}

/** Name a lesion. */
export function rename(study, label, name) {
  const text = name.trim().slice(0, 64);
  if (!text) throw new Error("A lesion needs a name.");
  if (study.lesions.some((lesion) => lesion.name === text && lesion.label !== label)) throw new Error(`Another lesion is called ${text}.`);
  study.edit("rename", () => { study.lesion(label).name = text; });
  return `Renamed to ${text}.`;
}

/** Make one lesion of those chosen: the first keeps its name. */
export function merge(study) {
  if (study.chosen.length < 2) throw new Error("Choose two or more lesions first: Ctrl+click in the table.");
  const [first, ...others] = study.chosen;
  study.edit("merge", () => {
    const { data } = study.labels;
    for (const label of others) {
      for (let index = data.indexOf(label); index >= 0; index = data.indexOf(label, index + 1)) study.labels.set(index, first);
    }
    study.lesions = study.lesions.filter((lesion) => !others.includes(lesion.label));
  });
  study.select(first);
  return `Merged into ${study.active.name}.`;
}

/**
 * Make a lesion of every piece of the active one; where it is one piece, cut it at the crosshair.
 *
 * @param {number[]} voxel the crosshair
 * @param {number} axis world axis across the plane in use: the cut is along that plane
 */
export function split(study, voxel, axis) {
  const lesion = needActive(study);
  const parts = pieces(study.labels.data, study.labels.shape, lesion.label);
  if (!parts.length) throw new Error(`${lesion.name} is empty.`);
  const along = axisAlong(study.grid.affine, axis), at = Math.round(voxel[along]);
  const moved = parts.length > 1 ? parts.slice(1) : [parts[0].filter((index) => unravel(index, study.labels.shape)[along] >= at)];
  if (parts.length === 1 && (moved[0].length === 0 || moved[0].length === parts[0].length)) {
    throw new Error(`${lesion.name} is one piece: put the crosshair inside it, where it should be cut.`);
  }
  study.edit("split", () => {
    for (const part of moved) {
      const { label } = study.addLesion();
      for (const index of part) study.labels.set(index, label);
    }
  });
  return parts.length > 1 ? `Split into ${parts.length} lesions.` : "Cut in two at the crosshair.";
}

/** Erase all but the largest piece. */
export function keepLargest(study) {
  const lesion = needActive(study);
  const islands = pieces(study.labels.data, study.labels.shape, lesion.label).slice(1);
  const count = islands.reduce((sum, island) => sum + island.length, 0);
  if (!count) return `${lesion.name} is one piece: nothing to remove.`;
  study.edit("remove islands", () => islands.flat().forEach((index) => study.labels.set(index, 0)));
  return `Removed ${islands.length === 1 ? "1 island" : `${islands.length} islands`}, ${ml(study, count)}.`;
}

/** Erase the piece under a voxel. */
export function removePiece(study, index) {
  const label = study.labels.data[index];
  if (!label) throw new Error("No lesion lies there.");
  const piece = pieceAt(study.labels.data, study.labels.shape, index);
  study.edit("remove islands", () => piece.forEach((one) => study.labels.set(one, 0)));
  return `Removed ${ml(study, piece.length)} of ${study.lesion(label)?.name ?? `label ${label}`}.`;
}

/** Fill what a lesion encloses. */
export function fillHoles(study) {
  const lesion = needActive(study);
  return add(study, "fill holes", holes(study.labels.data, study.labels.shape, lesion.label), `${lesion.name} has no holes.`);
}

/** Fill the slices between drawn ones, across a world axis. */
export function interpolate(study, axis) {
  const lesion = needActive(study);
  const { labels, grid } = study;
  const found = between(labels.data, labels.shape, grid.step, lesion.label, axisAlong(grid.affine, axis));
  return add(study, "interpolate", found, `${lesion.name} has no empty slices between drawn ones in this plane.`);
}

/** Add voxels to the active lesion, those of other lesions left alone. */
export function add(study, tool, indices, otherwise) {
  const lesion = needActive(study);
  const free = indices.filter((index) => study.labels.data[index] === 0);
  if (!free.length) return otherwise;
  study.edit(tool, () => free.forEach((index) => study.labels.set(index, lesion.label)));
  return `Added ${ml(study, free.length)} to ${lesion.name}.`;
}
