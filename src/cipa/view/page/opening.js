/** Fetch a result's volumes and labels. */

import * as api from "./api.js";
import { Labels } from "./labels.js";
import { readNifti } from "./nifti.js";
import { sampler } from "./sampling.js";

const AIR = -1000;

/** Fetch CT, on the grid of the mask, or its own in a file for looking; where the result was made without one, air of its grid. */
export async function openCt(result, progress) {
  if (result.inputs === "pet") {
    const { shape, affine } = result.grid;
    return { shape, affine, data: new Int16Array(shape[0] * shape[1] * shape[2]).fill(AIR), slope: 1, intercept: 0 };
  }
  const { shape, affine } = result.ct_grid ?? result.grid;
  const ct = readNifti(await api.fetchVolume(result.id, "ct.nii", progress));
  sameGrid("CT", ct.shape, shape);
  return { ...ct, affine };
}

/** Fetch PET as float32 SUV and what samples it at the mask's voxels; null where the result has none. */
export async function openPet(result, progress) {
  if (!result.pet_grid) return null;
  const { shape, data, slope, intercept } = readNifti(await api.fetchVolume(result.id, "pet.nii", progress));
  sameGrid("PET", shape, result.pet_grid.shape);
  const suv = data instanceof Float32Array && slope === 1 && intercept === 0 ? data : Float32Array.from(data, (value) => value * slope + intercept);
  return { shape, data: suv, suvAt: sampler(suv, shape, result.pet_grid.affine, result.grid.affine) };
}

/**
 * Fetch labels of a revision (a number, "network" or "autosave").
 *
 * @returns {Promise<Labels>}
 */
export async function openLabels(result, revision) {
  const query = revision === "network" ? "revision=network" : `revision=${revision}&rejected=1`;
  const mask = readNifti(await api.fetchVolume(result.id, `mask.nii?${query}`));
  sameGrid("mask", mask.shape, result.grid.shape);
  if (mask.data instanceof Uint8Array) return new Labels(mask.data, mask.shape);
  if (mask.data.some((label) => label > 255)) throw new Error("This mask has more than 255 lesions: more than this page can show.");
  return new Labels(Uint8Array.from(mask.data), mask.shape);
}

function sameGrid(what, shape, expected) {
  if (shape.some((count, axis) => count !== expected[axis])) {
    throw new Error(`The ${what} has ${shape.join(" x ")} voxels, the result ${expected.join(" x ")}: they do not belong together.`);
  }
}
