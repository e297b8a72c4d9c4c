"""Numbers of lesions on the CT's grid: read from the files of a result, and from what the page sends."""

import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
from isal import isal_zlib
from isal.igzip_lib import IsalError

from cipa.errors import DataError
from cipa.inference.revisions import REJECTED
from cipa.inference.save import LABELS, MASK
from cipa.io.nifti import read_volume
from cipa.io.volume import Volume
from cipa.lesions.labelling import label_lesions
from cipa.view.page_order import PageGrid
from cipa.view.refusal import Refusal

Labels = npt.NDArray[np.unsignedinteger]

MOST_PACKED = 64 * 2**20
"""Bytes of a body: label maps pack to a hundredth, noise of a whole body of 512 x 512 x 800 to 50 MB."""

WINDOW = 31
"""zlib's code for gzip: 16 + 15 bits."""


def read_network_labels(result: Path) -> Volume:
    """Read what the network drew, its connected parts numbered as `cipa predict` numbered them.

    Raises:
        DataError: the mask cannot be read.
    """
    mask = read_volume(result / MASK)
    labels, _ = label_lesions(mask.array.astype(bool).view(np.uint8))
    return Volume(labels, mask.affine, mask.header, MASK)


def read_revision_labels(folder: Path, rejected: bool) -> Volume:
    """Read the lesions of a revision.

    Args:
        folder: of the revision.
        rejected: add those that a person rejected.

    Raises:
        DataError: a file cannot be read.
    """
    labels = read_volume(folder / LABELS)
    if rejected and (folder / REJECTED).is_file():
        others = read_volume(folder / REJECTED)
        if others.shape != labels.shape:
            raise DataError(f"{REJECTED}: of another grid than {LABELS}; restore the revision")
        return Volume(np.maximum(labels.array, others.array), labels.affine, labels.header, LABELS)
    return labels


def unpack_labels(body: bytes, grid: PageGrid) -> Labels:
    """Unpack the labels that the page sends, no farther than the grid goes.

    Args:
        body: gzip of one byte a voxel, or two, little endian.
        grid: what they must fill.

    Returns:
        (z, y, x), uint8 or uint16.

    Raises:
        Refusal: no gzip (400), or of another grid (422).
    """
    most = 2 * grid.voxels
    unpacker = isal_zlib.decompressobj(WINDOW)
    try:
        raw = unpacker.decompress(body, most + 1)
    except (zlib.error, IsalError) as error:  # type: ignore[misc]
        raise Refusal(400, "the mask that was sent is damaged (no gzip); nothing was saved") from error
    if len(raw) not in (grid.voxels, most) or not unpacker.eof:
        shape = " x ".join(map(str, grid.shape))
        raise Refusal(
            422, f"the mask that was sent does not fill the CT's grid of {shape}; nothing was saved"
        )
    dtype = np.dtype("<u1" if len(raw) == grid.voxels else "<u2")
    return np.frombuffer(raw, dtype).reshape(grid.shape[::-1])
