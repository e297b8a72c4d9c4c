/** NIfTI-1 files, read (little-endian, one volume) and written (uint8). */

const KINDS = {
  2: Uint8Array, 4: Int16Array, 8: Int32Array, 16: Float32Array, 64: Float64Array, 256: Int8Array, 512: Uint16Array, 768: Uint32Array,
};
const HEADER = 352;

/**
 * Read the bytes of a .nii file.
 *
 * @param {ArrayBuffer} buffer
 * @returns {{shape: number[], data: TypedArray, slope: number, intercept: number}} data with x fastest; a value is
 *   slope * data + intercept.
 */
export function readNifti(buffer) {
  const header = new DataView(buffer);
  if (buffer.byteLength < HEADER || header.getInt32(0, true) !== 348) throw new Error("This is not a little-endian NIfTI-1 file.");
  const Kind = KINDS[header.getInt16(70, true)];
  if (!Kind) throw new Error(`NIfTI data type ${header.getInt16(70, true)} is not one this page reads.`);
  const shape = [42, 44, 46].map((place) => header.getInt16(place, true));
  const count = shape[0] * shape[1] * shape[2];
  const start = header.getFloat32(108, true);
  if (buffer.byteLength < start + count * Kind.BYTES_PER_ELEMENT) throw new Error("The NIfTI file ends early.");
  const data = start % Kind.BYTES_PER_ELEMENT ? new Kind(buffer.slice(start), 0, count) : new Kind(buffer, start, count);
  const slope = header.getFloat32(112, true), intercept = header.getFloat32(116, true);
  const scaled = Number.isFinite(slope) && slope !== 0;
  return { shape, data, slope: scaled ? slope : 1, intercept: scaled && Number.isFinite(intercept) ? intercept : 0 };
}

/**
 * Return the bytes of a .nii file of uint8 voxels.
 *
 * @param {number[]} shape voxels along x, y and z
 * @param {number[][]} affine voxel index to RAS+ millimetres
 * @param {Uint8Array} data x fastest
 */
export function writeNifti(shape, affine, data) {
  const bytes = new Uint8Array(HEADER + data.length);
  const header = new DataView(bytes.buffer);
  header.setInt32(0, 348, true);
  [3, ...shape, 1, 1, 1, 1].forEach((value, k) => header.setInt16(40 + 2 * k, value, true));
  header.setInt16(70, 2, true);
  header.setInt16(72, 8, true);
  const step = [0, 1, 2].map((axis) => Math.hypot(affine[0][axis], affine[1][axis], affine[2][axis]));
  [1, ...step].forEach((value, k) => header.setFloat32(76 + 4 * k, value, true));
  header.setFloat32(108, HEADER, true);
  header.setFloat32(112, 1, true);
  header.setUint8(123, 2); // millimetres
  header.setInt16(254, 1, true); // the sform holds scanner coordinates
  affine.slice(0, 3).flat().forEach((value, k) => header.setFloat32(280 + 4 * k, value, true));
  bytes.set([0x6e, 0x2b, 0x31, 0], 344); // "n+1"
  bytes.set(data, HEADER);
  return bytes;
}
