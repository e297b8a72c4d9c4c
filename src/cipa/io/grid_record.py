"""The grid of a volume as plain values, so that a mask can be written on it when the volume is elsewhere."""

import math
from collections.abc import Mapping
from typing import Any

import nibabel
import numpy as np
import numpy.typing as npt

from cipa.io.nifti import PLACE
from cipa.io.nifti_header import world_affine
from cipa.io.volume import MOST_VOXELS, Volume

SMALLEST_VOXEL = 1e-9
"""Cubic millimetres below which an affine counts as singular."""


def grid_record(volume: Volume) -> dict[str, Any]:
    """Describe where a volume's voxels lie, in types that JSON knows and gives back bit for bit.

    Args:
        volume: its voxels are not looked at, nothing of its header but the place is kept.

    Returns:
        shape, affine, and of a volume that was read the NIfTI version, byte order and header fields that
        `cipa.io.nifti.write_volume` copies.
    """
    record: dict[str, Any] = {"shape": list(volume.shape), "affine": volume.affine.tolist()}
    if volume.header is not None:
        record["nifti"] = 2 if isinstance(volume.header, nibabel.Nifti2Header) else 1
        record["endianness"] = volume.header.endianness
        record["header"] = {field: volume.header[field].tolist() for field in PLACE}
        record["header"]["pixdim"] = volume.header["pixdim"][:4].tolist()
    return record


def check_grid_record(record: Any) -> dict[str, Any]:
    """Check that a record read from a file is one, and that what it says twice agrees.

    Args:
        record: what stands where `grid_record` wrote one.

    Returns:
        The record.

    Raises:
        ValueError: a key is missing, a value of another type or no number, the grid larger than any volume,
            or the header's place is not that of the affine.
    """
    try:
        shape = [int(length) for length in record["shape"]]
        if len(shape) != 3 or shape != record["shape"] or min(shape) < 1 or math.prod(shape) > MOST_VOXELS:
            raise ValueError(f"a grid of {shape}")
        with np.errstate(over="ignore"):  # what becomes infinite in a header's float32 is refused below
            grid = volume_on(record, np.broadcast_to(np.uint8(0), shape))
        if not np.isfinite(grid.affine).all() or abs(np.linalg.det(grid.affine)) < SMALLEST_VOXEL:
            raise ValueError("an affine that cannot be inverted")
        if grid.header is not None and not all(np.isfinite(grid.header[f]).all() for f in (*PLACE, "pixdim")):
            raise ValueError("a header with values that are not finite")
        if grid.header is not None and not np.allclose(world_affine(grid.header), grid.affine, atol=1e-3):
            raise ValueError("a header of another place than the affine")
    except Exception as error:  # numpy and nibabel meet a wrong value in many ways
        raise ValueError(f"a damaged grid ({type(error).__name__}: {error})") from error
    return dict(record)


def volume_on(record: Mapping[str, Any], array: npt.NDArray[np.generic]) -> Volume:
    """Put voxels on a recorded grid.

    Args:
        record: as `grid_record` gave it.
        array: voxels of its shape.

    Raises:
        KeyError, TypeError, ValueError: the record is not one, or of another shape.
    """
    if list(array.shape) != record["shape"]:
        raise ValueError(f"voxels of shape {array.shape} do not fit a grid of shape {record['shape']}")
    affine = np.array(record["affine"], dtype=np.float64).reshape(4, 4)
    if "header" not in record:
        return Volume(array, affine)
    kind = nibabel.Nifti2Header if record["nifti"] == 2 else nibabel.Nifti1Header
    header = kind(endianness=record["endianness"])
    for field in PLACE:
        header[field] = record["header"][field]
    header["pixdim"][:4] = record["header"]["pixdim"]
    return Volume(array, affine, header)
