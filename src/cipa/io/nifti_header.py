"""What a NIfTI header says, judged before a voxel is read: kind, shape, scaling, units and place.

NIfTI-1 (Cox et al., 2004) and NIfTI-2. A header may give a grid's place twice, as qform and as sform; as
nibabel, SPM and ITK-SNAP do, the sform is taken where its code is set.
"""

import logging
import math
from dataclasses import dataclass
from itertools import product
from typing import Any, BinaryIO

import nibabel
import numpy as np
import numpy.typing as npt

from cipa.errors import DataError
from cipa.io.volume import MOST_VOXELS

VOXEL_MM = (0.01, 100.0)
"""Voxel edges believed to be millimetres; metres and micrometres fall outside."""

UNIT_MM = {"unknown": 1.0, "mm": 1.0, "meter": 1000.0, "micron": 0.001}
"""Millimetres of the units of length that a header can name."""

FORMS_DIFFER = 0.1
"""Part of a voxel's smallest edge by which qform and sform may differ at a corner: rounding is far below."""

MOST_OFFSET = 64 * 2**20
"""Bytes before the voxels: header extensions have kilobytes."""

Affine = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Layout:
    """Where in a file the voxels stand, and what they mean.

    Attributes:
        header: as it stands in the file.
        shape: (I, J, K).
        dtype: of the file, byte order included.
        offset: bytes before the voxels, in the file that holds them.
        scaling: slope and offset from what is stored to values, None for none.
        affine: voxel indices to world millimetres.
        is_pair: whether the voxels stand in a file of their own.
        warnings: what was left open or said twice and how it is taken, one line each.
    """

    header: nibabel.Nifti1Header
    shape: tuple[int, int, int]
    dtype: np.dtype[Any]
    offset: int
    scaling: tuple[float, float] | None
    affine: Affine
    is_pair: bool
    warnings: tuple[str, ...]

    @property
    def bytes(self) -> int:
        """Bytes of the voxels."""
        return math.prod(self.shape) * self.dtype.itemsize


def read_layout(stream: BinaryIO, name: object) -> Layout:
    """Read and judge a header.

    Args:
        stream: at the beginning of the file; left behind its fixed fields.
        name: of the file, for messages.

    Raises:
        DataError: 4-D, in colour or complex, larger than any volume, or without a usable place in space.
        Exception: of almost any kind, as nibabel raises for what is no NIfTI header.
    """
    header, said = _parse(stream)
    is_pair = header["magic"].item()[:2] == b"ni"
    shape, dtype = _kind(header, name)
    offset = float(header["vox_offset"])
    if not (0 <= offset <= MOST_OFFSET and offset.is_integer()):
        raise DataError(f"{name}: voxels from byte {offset:g} on cannot be; convert it again")
    scaling, of_scaling = _scaling(header, name)
    with np.errstate(all="ignore"):  # what is not finite is looked for
        affine, of_place = _place(header, shape, name)
    warnings = (*said, *of_scaling, *of_place)
    return Layout(header, shape, dtype, int(offset), scaling, affine, is_pair, warnings)


def world_affine(header: nibabel.Nifti1Header) -> Affine:
    """Return the affine of a header in millimetres: its sform or qform, times the unit it names.

    Raises:
        Exception: of almost any kind, for a qform that is none.
    """
    affine = np.asarray(header.get_best_affine(), dtype=np.float64)
    return _scale(affine, _unit(header, affine)[0])


def _parse(stream: BinaryIO) -> tuple[nibabel.Nifti1Header, list[str]]:
    """Return the header, and what nibabel had to repair in it."""
    block = stream.read(348)
    if len(block) < 348:
        raise ValueError(f"{len(block)} bytes are less than a header")
    kind: type[nibabel.Nifti1Header] = nibabel.Nifti1Header
    if block[4:8] in (b"n+2\0", b"ni2\0"):
        kind, block = nibabel.Nifti2Header, block + stream.read(192)
    elif block[344:348] not in (b"n+1\0", b"ni1\0"):
        raise ValueError("no NIfTI magic")
    said = _Said()
    header = kind(block, check=False)
    header.check_fix(logger=said, error_level=40)
    return header, said.lines


class _Said(logging.Logger):
    """Keeps what nibabel says of a header that it repairs, instead of printing it."""

    def __init__(self) -> None:
        super().__init__("nifti")
        self.lines: list[str] = []

    def log(self, level: int, msg: object, *args: object, **options: Any) -> None:
        """Keep what nibabel reports from a warning up."""
        if level >= logging.WARNING:
            self.lines.append(f"its header was repaired: {msg}")


def _kind(header: nibabel.Nifti1Header, name: object) -> tuple[tuple[int, int, int], np.dtype[Any]]:
    dtype = header.get_data_dtype()
    if dtype.fields is not None or dtype.kind not in "iuf":
        raise DataError(f"{name}: voxels of type {dtype}, colour or complex; give grey values (HU or SUV)")
    shape = tuple(int(length) for length in header.get_data_shape())
    if len(shape) < 3 or any(length != 1 for length in shape[3:]):
        raise DataError(
            f"{name}: shape {shape}, not one 3-D volume; give a single volume (split a series first)"
        )
    if min(shape) <= 0:
        raise DataError(f"{name}: shape {shape} holds no voxels; convert the series again")
    if math.prod(shape) > MOST_VOXELS:
        raise DataError(
            f"{name}: {' x '.join(map(str, shape[:3]))} voxels, more than {MOST_VOXELS}; crop it, or convert "
            "it again if it has fewer"
        )
    return (shape[0], shape[1], shape[2]), dtype


def _scaling(header: nibabel.Nifti1Header, name: object) -> tuple[tuple[float, float] | None, list[str]]:
    """Return slope and offset; by the standard 0 means none, and NaN is how nibabel leaves it out."""
    slope, inter = float(header["scl_slope"]), float(header["scl_inter"])
    if math.isnan(slope) or slope == 0:
        if math.isnan(inter) or inter == 0:
            return None, []
        return None, [f"scl_slope {slope:g} means no scaling: its scl_inter of {inter:g} is not added"]
    if not (math.isfinite(slope) and math.isfinite(inter)):
        raise DataError(f"{name}: scl_slope {slope:g}, scl_inter {inter:g}: no scaling; convert it again")
    return (None if (slope, inter) == (1, 0) else (slope, inter)), []


def _place(
    header: nibabel.Nifti1Header, shape: tuple[int, int, int], name: object
) -> tuple[Affine, list[str]]:
    if int(header["qform_code"]) <= 0 and int(header["sform_code"]) <= 0:
        raise DataError(
            f"{name}: qform and sform codes are both 0, so its place in space is unknown; convert it again "
            "from DICOM, or set one of them"
        )
    affine = np.asarray(header.get_best_affine(), dtype=np.float64)
    if not np.all(np.isfinite(affine)):
        raise DataError(f"{name}: its affine is not finite ({_row(affine)}); convert it again from DICOM")
    unit, warnings = _unit(header, affine)
    affine = _scale(affine, unit)
    edges = np.linalg.norm(affine[:3, :3], axis=0)
    if not _are_plausible(edges):
        raise DataError(
            f"{name}: voxels of {' x '.join(f'{edge:g}' for edge in edges)} mm are not plausible; "
            "repair its affine (millimetres are expected)"
        )
    if abs(np.linalg.det(affine[:3, :3] / edges)) < 1e-3:
        raise DataError(f"{name}: its affine is singular ({_row(affine)}); convert it again from DICOM")
    return affine, warnings + _differing_forms(header, shape, unit, edges)


def _unit(header: nibabel.Nifti1Header, affine: Affine) -> tuple[float, list[str]]:
    """Return the millimetres of the header's unit: the named one, unless only millimetres can be meant."""
    code = int(header["xyzt_units"]) % 8
    named = {0: "unknown", 1: "meter", 2: "mm", 3: "micron"}.get(code)
    if named is None:
        return 1.0, [f"xyzt_units names no unit of length ({code}): taken as mm"]
    unit, edges = UNIT_MM[named], np.linalg.norm(affine[:3, :3], axis=0)
    if unit == 1 or not (_are_plausible(edges) or _are_plausible(edges * unit)):
        return 1.0, []
    if _are_plausible(edges * unit):
        return unit, [f"its affine is in {named}: taken times {unit:g} as mm"]
    length = " x ".join(f"{edge:g}" for edge in edges)
    return 1.0, [f"xyzt_units says {named}, which voxels of {length} cannot be: taken as mm"]


def _differing_forms(
    header: nibabel.Nifti1Header, shape: tuple[int, int, int], unit: float, edges: npt.NDArray[np.float64]
) -> list[str]:
    """Say where qform and sform place the grid apart; a sheared sform has no qform that is its equal."""
    if int(header["qform_code"]) <= 0 or int(header["sform_code"]) <= 0:
        return []
    try:
        qform = _scale(np.asarray(header.get_qform(), dtype=np.float64), unit)
    except Exception:  # nibabel raises several for quaternions that are none
        return ["its qform is malformed: the sform is taken"]
    sform = _scale(np.asarray(header.get_sform(), dtype=np.float64), unit)
    corners = np.array([[*corner, 1] for corner in product(*((0, length - 1) for length in shape))])
    if not np.isfinite(qform).all():
        return ["its qform is not finite: the sform is taken"]
    apart = float(np.linalg.norm((corners @ (qform - sform).T)[:, :3], axis=1).max())
    if apart <= FORMS_DIFFER * edges.min():
        return []
    return [f"its qform and sform differ by up to {apart:.3g} mm: the sform is taken"]


def _are_plausible(edges: npt.NDArray[np.float64]) -> bool:
    return bool(np.all((edges > VOXEL_MM[0]) & (edges < VOXEL_MM[1])))


def _scale(affine: Affine, unit: float) -> Affine:
    return affine * np.array([[unit], [unit], [unit], [1.0]])


def _row(affine: Affine) -> str:
    return "; ".join(" ".join(f"{value:g}" for value in row) for row in affine[:3])
