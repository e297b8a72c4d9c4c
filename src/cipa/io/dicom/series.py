"""Series of a study: slices that belong together, what they are, and whether they can be used."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from cipa.io.dicom.copies import leave_out_copies
from cipa.io.dicom.geometry import SAME_MM, has_place, stack_slices
from cipa.io.dicom.grouping import difference_between, group_alike
from cipa.io.dicom.identity import NO_SECRETS, Secrets
from cipa.io.dicom.slices import Slice
from cipa.io.dicom.stored_bits import bits_problem
from cipa.io.dicom.syntax import undecodable
from cipa.io.dicom.tags import name_of, number, text, words
from cipa.io.dicom.time_frames import TimeFrame, split_by_time

NAMES = {"CT": "CT", "PT": "PET"}
"""Modalities that are used, with the names that users know."""


PROJECTIONS = ("MAX_IP", "MIN_IP", "VOLUME_RENDER", "SURFACE_RENDER", "CURVED_MPR")
"""Volume Based Calculation Techniques of enhanced images whose pixels are no plane of the patient."""


@dataclass(frozen=True)
class Series:
    """Slices of one series that share orientation, matrix and pixel spacing.

    Attributes:
        slices: sorted along the normal where they have a place; of several time frames, frame after frame.
        affine: (4, 4), indices (column, row, slice) to world millimetres, RAS+; None where there is no grid.
        problems: why it cannot be used, one line each; empty if it can.
        warnings: what was left out of it or is odd about it, one line each.
        secrets: what must not show of its headers' and files' text.
        frames: images of a dynamic or gated series, each with all positions; empty where it is one image.
    """

    slices: tuple[Slice, ...]
    affine: npt.NDArray[np.float64] | None
    problems: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    secrets: Secrets = NO_SECRETS
    frames: tuple[TimeFrame, ...] = ()

    @property
    def header(self) -> Dataset:
        """Header of the first slice."""
        return self.slices[0].header

    @property
    def modality(self) -> str:
        """`CT`, `PET` or what DICOM calls it."""
        code = text(self.header, "Modality").upper()
        return NAMES.get(code) or self.secrets.scrub(code)

    @property
    def number(self) -> str:
        """Series Number, or a question mark."""
        return self.text("SeriesNumber") or "?"

    @property
    def title(self) -> str:
        """What to call the series in a message: modality, number and description."""
        return f"{self.modality} series {self.number} '{self.text('SeriesDescription')}'"

    def text(self, keyword: str) -> str:
        """Return a tag of the first slice as it may be shown, without the patient's identity."""
        return self.secrets.scrub(text(self.header, keyword))

    def name_file(self, one: Slice) -> str:
        """Return the name of a slice's file as it may be shown, and of which frame it is."""
        return self.secrets.scrub(one.name)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Columns, rows and slices of an image."""
        rows, columns = (int(number(self.header, name) or 0) for name in ("Rows", "Columns"))
        return columns, rows, len(self.slices) // max(1, len(self.frames))

    @property
    def is_image(self) -> bool:
        """Whether it is CT or PET, usable or not."""
        return self.modality in NAMES.values()


def group_series(slices: Sequence[Slice], secrets: Secrets) -> list[Series]:
    """Sort the slices of a study into series; a series with slices of several sizes or tilts becomes several.

    Args:
        slices: in any order.
        secrets: what must not show of their text.

    Returns:
        Usable and unusable ones, by series number.
    """
    by_series: dict[tuple[str, str], list[Series]] = defaultdict(list)
    for members in group_alike([one.header for one in slices]):
        made = _make_series([slices[index] for index in members], secrets)
        by_series[text(made.header, "SeriesInstanceUID"), text(made.header, "Modality")].append(made)
    found = [one for parts in by_series.values() for one in _say_what_is_apart(parts)]
    return sorted(found, key=lambda series: (number(series.header, "SeriesNumber") or 0, series.modality))


def _say_what_is_apart(parts: list[Series]) -> list[Series]:
    """Add to the largest of the groups that share a Series Instance UID which others it was parted from."""
    if len(parts) == 1 or not parts[0].is_image:
        return parts
    main = max(parts, key=lambda one: len(one.slices))
    lines = tuple(
        f"{len(one.slices)} files of this series differ in {difference_between(main.header, one.header)} and "
        f"are left out, {one.name_file(one.slices[0])} for one"
        for one in parts
        if one is not main and not _is_localizer(one.header)
    )
    return [replace(one, warnings=one.warnings + lines) if one is main else one for one in parts]


def _make_series(slices: list[Slice], secrets: Secrets) -> Series:
    reasons = [one.problem or _unusable(one.header) for one in slices]
    good = [one for one, reason in zip(slices, reasons, strict=True) if reason is None]
    if not good:
        uids = {(text(one.header, "SOPInstanceUID") or one.entry.name, one.frame): one for one in slices}
        return Series(tuple(uids.values()), None, (secrets.scrub(str(reasons[0])),), (), secrets)
    distinct = leave_out_copies(good)
    lines = list(distinct.warnings)
    for reason, count in Counter(filter(None, reasons)).items():
        left = [one for one, own in zip(slices, reasons, strict=True) if own == reason]
        more = f" and {count - 1} more are" if count > 1 else " is"
        lines.append(f"{left[0].name}{more} left out: {reason}")
    frames, problem = split_by_time(distinct.slices)
    stacks = _stack([one.slices for one in frames] or [distinct.slices])
    ordered = tuple(one for stack in stacks for one in stack.slices)
    frames = tuple(replace(one, slices=stack.slices) for one, stack in zip(frames, stacks, strict=False))
    problems = (problem,) if problem else stacks[0].problems
    lines += _odd(ordered, len(stacks))
    scrub = secrets.scrub
    return Series(
        ordered,
        None if problem else stacks[0].affine,
        tuple(map(scrub, problems)),
        tuple(map(scrub, lines)),
        secrets,
        () if problems else frames,
    )


class _Image(NamedTuple):
    """The slices of one image in order, and the grid that they make or why they make none."""

    slices: tuple[Slice, ...]
    affine: npt.NDArray[np.float64] | None
    problems: tuple[str, ...]


def _stack(images: Sequence[Sequence[Slice]]) -> list[_Image]:
    """Sort the slices of each image; the problem of any is the first's, and so is another grid."""
    found = []
    for slices in images:
        stack = stack_slices([one.header for one in slices])
        found.append(_Image(tuple(slices[index] for index in stack.order), stack.affine, stack.problems))
    problem = next((one.problems for one in found if one.problems), ())
    grids = [one.affine for one in found if one.affine is not None]
    if not problem and not all(np.allclose(grid, grids[0], atol=SAME_MM) for grid in grids):
        problem = ("its time frames do not lie on one grid; export them as series of their own",)
    return [one._replace(problems=problem, affine=None) for one in found] if problem else found


def _unusable(header: Dataset) -> str | None:
    """Say why a slice cannot be part of a CT or PET volume, or None."""
    modality = text(header, "Modality").upper()
    if modality not in NAMES:
        return "neither CT nor PET"
    if (number(header, "NumberOfFrames") or 1) > 1:
        return f"multi-frame {NAMES[modality]} that is not enhanced {NAMES[modality]}; export the slices"
    if _is_localizer(header):
        return "a localizer (scout)"
    if "REPROJECTION" in words(header, "SeriesType") or "PROJECTION IMAGE" in words(header, "ImageType"):
        return "a projection; export the slices"
    if text(header, "VolumeBasedCalculationTechnique").upper() in PROJECTIONS:
        return "a projection; export the slices"
    if number(header, "SamplesPerPixel") != 1 or not number(header, "Rows") or not number(header, "Columns"):
        return "no grey image (a screenshot or report)"
    if text(header, "PhotometricInterpretation").upper() not in ("", "MONOCHROME1", "MONOCHROME2"):
        return f"{name_of('PhotometricInterpretation')} is not MONOCHROME; export the grey image"
    if not has_place(header):
        return f"{name_of('ImagePositionPatient')}, orientation or pixel spacing is missing or malformed"
    if modality == "PT" and "ATTN" not in words(header, "CorrectedImage"):
        return f"not attenuation corrected: {name_of('CorrectedImage')} lacks ATTN; export the corrected PET"
    slope, intercept = number(header, "RescaleSlope"), number(header, "RescaleIntercept")
    if slope is None or intercept is None:
        return f"{name_of('RescaleSlope')} or intercept is missing or malformed; export the series again"
    if slope == 0:
        return f"{name_of('RescaleSlope')} is 0; export the series again"
    return bits_problem(header) or undecodable(header)


def _is_localizer(header: Dataset) -> bool:
    return "LOCALIZER" in words(header, "ImageType")


def _odd(slices: tuple[Slice, ...], frames: int) -> list[str]:
    """Say what is odd about a series that can be used: too few slices, values of another kind.

    Args:
        slices: of all its time frames.
        frames: how many there are.
    """
    header, lines = slices[0].header, []
    said, count = number(header, "NumberOfSlices"), len(slices) // frames
    if said is not None and count < said:
        lines.append(
            f"{count} slices, but {name_of('NumberOfSlices')} says {said:g}: the ends may be missing"
        )
    if text(header, "PhotometricInterpretation").upper() == "MONOCHROME1":
        lines.append(
            f"{name_of('PhotometricInterpretation')} is MONOCHROME1: taken as a wish to be shown inverted, "
            "values as they are"
        )
    kind = text(header, "RescaleType").upper()
    if text(header, "Modality").upper() == "CT" and kind not in ("", "HU", "US"):
        lines.append(f"{name_of('RescaleType')} is {kind}, not HU: values are taken as HU")
    return lines
