/**
 * In a file for looking, in place of `api.js`: what the server would answer lies in the file itself, in elements
 * `<script data-part="NAME">`. Nothing is sent, and nothing can be saved.
 */

const part = (name) => document.querySelector(`script[data-part="${name}"]`);
const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

export const tab = "copy";
export const getResult = async () => JSON.parse(part("result").textContent);
export const listResults = async () => [await getResult()];
export const mipFrame = async (id, number) => new Blob([bytesOf(part(`mip-${number}`).textContent)], { type: "image/png" });

/** Return the .nii file of a name as `api.js` has them: "ct.nii", "pet.nii", "mask.nii?revision=2". */
export async function fetchVolume(id, name) {
  const revision = /revision=(\w+)/.exec(name)?.[1];
  const found = part(name.startsWith("mask") ? `mask-${revision === "network" ? 0 : revision}` : name);
  if (!found) throw new Error(`This file holds no ${name.split(".")[0].toUpperCase()}.`);
  const { head, shape, width, table } = JSON.parse(found.dataset.volume);
  const steps = addUp(await gunzip(bytesOf(found.textContent)), shape[0], width);
  const values = table.length ? Int16Array.from(steps, (step) => table[step]) : steps;
  return new Blob([bytesOf(head), values]).arrayBuffer();
}

/** Return bytes gzipped. */
export const gzip = (bytes) => through(new CompressionStream("gzip"), bytes);

const gunzip = async (bytes) => new Uint8Array(await through(new DecompressionStream("gzip"), bytes));
const through = (stream, bytes) => new Response(new Blob([bytes]).stream().pipeThrough(stream)).arrayBuffer();

/** Return voxels from differences to the one before in their row: all low bytes, then, of two bytes a voxel, all high ones. */
function addUp(bytes, row, width) {
  const count = bytes.length / width, steps = new (width === 2 ? Uint16Array : Uint8Array)(count);
  for (let k = 0; k < count; k += 1) {
    const difference = width === 2 ? bytes[k] + 256 * bytes[count + k] : bytes[k];
    steps[k] = (k % row ? steps[k - 1] : 0) + difference; // modulo what a step can hold
  }
  return steps;
}

const refuse = async () => {
  throw new Error("This file is a copy for looking: correct the result with `cipa view`.");
};
export { refuse as putAutosave, refuse as dropAutosave, refuse as postSave, refuse as quit };
