"""From PNG slices to PNG masks, and a study's mask alone, for callers in Python."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cipa.data.grey_scale import require_scale
from cipa.data.layout import image_path, patient_of
from cipa.data.neighbours import repeat_slices
from cipa.data.pclt20k import PCLT20K
from cipa.errors import DataError, UsageError
from cipa.inference.names import mask_name, probability_name
from cipa.inference.result import Prediction
from cipa.inference.save import NOTE, write_probability
from cipa.inference.slices import SlicePredictor
from cipa.io.nifti import write_volume
from cipa.io.png import read_grey, write_grey
from cipa.progress import Progress


@dataclass(frozen=True)
class Summary:
    """What was found.

    Attributes:
        out: the mask written, or the folder of masks.
        slices: axial slices looked at.
        slices_with_tumour: those with at least one tumour pixel.
        pixels: tumour pixels in all.
    """

    out: Path
    slices: int
    slices_with_tumour: int
    pixels: int


def write_mask(prediction: Prediction, out: Path, probability: bool = False) -> None:
    """Write the mask of a prediction (NIfTI, uint8, 0 and 1, on the CT's grid) and nothing else of it.

    Args:
        prediction: the result.
        out: final name, `.nii` or `.nii.gz`.
        probability: write the probability (uint8, slope 1/255) too, beside the mask.
    """
    if probability:
        write_probability(probability_name(out), prediction)
    write_volume(out, prediction.mask, prediction.ct, NOTE.format("mask"))


def predict_png(
    predictor: SlicePredictor, ct: Path, pet: Path, out: Path, probability: bool = False
) -> Summary:
    """Segment one pair of PNG slices and write the mask (8-bit, 0 and 255).

    Args:
        predictor: the network.
        ct: 8-bit grey CT, windowed as the weights expect, of their image size.
        pet: 8-bit grey PET, scaled as the weights expect, of their image size.
        out: the mask's name, `.png`; any other name is a folder that gets `mask.png`.
        probability: write the probability (16-bit, 65535 is 1) too, beside the mask.

    Returns:
        What was found.

    Raises:
        DataError: a file cannot be read or has another size.
        UsageError: `out` is one of the inputs.
    """
    name = mask_name(out, (".png",), inputs=(ct, pet))
    pair = [_read_slice(path, predictor.image_size)[None] for path in (ct, pet)]
    if predictor.slices > 1:  # a slice alone has no neighbours
        pair = [repeat_slices(image, predictor.slices) for image in pair]
    probability_of_slice = predictor.predict_slices(pair[0], pair[1])[0]
    mask = predictor.mask(probability_of_slice)
    _write_slice(name, probability_of_slice, mask, probability)
    return Summary(name, 1, int(mask.any()), int(np.count_nonzero(mask)))


def predict_folder(
    predictor: SlicePredictor,
    root: Path,
    ids: Sequence[str],
    out: Path,
    probability: bool = False,
    progress: Progress | None = None,
) -> Summary:
    """Segment slices of a PCLT20K folder; write `<patient>/<patient>_<slice>_mask.png` into `out`.

    Masks are written batch by batch: what was finished before an interruption is whole and on disk.

    Args:
        predictor: the network.
        root: folder of the data set.
        ids: slices to segment.
        out: folder for the masks, of the same layout.
        probability: write `..._probability.png` too.
        progress: called after every batch.

    Returns:
        What was found.

    Raises:
        DataError: a slice cannot be read or has another size than the weights take, or the data set was
            stored by another scale than theirs.
        UsageError: `out` is `root`, whose own masks would be overwritten.
    """
    if out.resolve() == root.resolve():
        raise UsageError(f"-o {out}: the data set's own masks would be overwritten; choose another folder")
    require_scale(predictor.config, root, map(patient_of, ids), " and ".join(predictor.names))
    found = pixels = 0
    data = PCLT20K(root, ids, size=predictor.image_size, masks=False, slices=predictor.slices)
    for batch in predictor.batches(len(ids)):
        batch_probability = predictor.predict_slices(*_stack(data, batch))
        for slice_id, probability_of_slice in zip(ids[batch], batch_probability, strict=True):
            mask = predictor.mask(probability_of_slice)
            _write_slice(image_path(out, slice_id, "mask"), probability_of_slice, mask, probability)
            found += int(mask.any())
            pixels += int(np.count_nonzero(mask))
        if progress:
            progress(batch.stop, len(ids))
    return Summary(out, len(ids), found, pixels)


def _stack(data: PCLT20K, batch: slice) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Read a run of slices as uint8 (B, S, S), CT and PET, or (B, N, S, S) with their neighbours."""
    slices: list[Any] = [data[index] for index in range(batch.start, batch.stop)]
    join = np.concatenate if data.slices == 1 else np.stack
    ct, pet = (join([images[name].numpy() for images in slices]) for name in ("ct", "pet"))
    return ct, pet


def _read_slice(path: Path, size: int) -> npt.NDArray[np.uint8]:
    image = read_grey(path)
    if image.shape != (size, size):
        raise DataError(
            f"{path}: {image.shape[1]} x {image.shape[0]} pixels, but these weights take {size} x {size}; "
            "resize the images or use weights of their size"
        )
    return image


def _write_slice(
    name: Path, probability_of_slice: npt.NDArray[np.float32], mask: npt.NDArray[np.uint8], probability: bool
) -> None:
    if probability:
        write_grey(
            probability_name(name), np.rint(probability_of_slice * np.float32(65535)).astype(np.uint16)
        )
    write_grey(name, mask * np.uint8(255))
