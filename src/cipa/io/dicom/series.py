"""Series of a study: slices that belong together, what they are, and whether they can be used."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from cipa.io.dicom.copies import leave_out_copies
from cipa.io.dicom.geometry import has_place, stack_slices
from cipa.io.dicom.grouping import difference_between, group_alike
from cipa.io.dicom.identity import NO_SECRETS, Secrets
from cipa.io.dicom.slices import Slice
from cipa.io.dicom.stored_bits import bits_problem
from cipa.io.dicom.syntax import undecodable
from cipa.io.dicom.tags import name_of, number, text, words

ENHANCED = ("1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.128.1", "1.2.840.10008.5.1.4.1.1.130")
"""SOP classes Enhanced CT, Legacy Converted Enhanced PET and Enhanced PET: many frames in one file."""

NAMES = {"CT": "CT", "PT": "PET"}
"""Modalities that are used, with the names that users know."""


@dataclass(frozen=True)
class Series:
    """Slices of one series that share orientation, matrix and pixel spacing.

    Attributes:
        slices: sorted along the normal where they have a place.
        affine: (4, 4), indices (column, row, slice) to world millimetres, RAS+; None where there is no grid.
        problems: why it cannot be used, one line each; empty if it can.
        warnings: what was left out of it or is odd about it, one line each.
        secrets: what must not show of its headers' and files' text.
    """

    slices: tuple[Slice, ...]
    affine: npt.NDArray[np.float64] | None
    problems: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    secrets: Secrets = NO_SECRETS

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
        """Return the name of a slice's file as it may be shown."""
        return self.secrets.scrub(one.entry.name)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Columns, rows and slices."""
        rows, columns = (int(number(self.header, name) or 0) for name in ("Rows", "Columns"))
        return columns, rows, len(self.slices)

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
    reasons = [_unusable(one.header) for one in slices]
    good = [one for one, reason in zip(slices, reasons, strict=True) if reason is None]
    if not good:
        uids = {text(one.header, "SOPInstanceUID") or one.entry.name: one for one in slices}
        return Series(tuple(uids.values()), None, (secrets.scrub(str(reasons[0])),), (), secrets)
    distinct = leave_out_copies(good)
    lines = list(distinct.warnings)
    for reason, count in Counter(filter(None, reasons)).items():
        left = [one for one, own in zip(slices, reasons, strict=True) if own == reason]
        more = f" and {count - 1} more are" if count > 1 else " is"
        lines.append(f"{left[0].entry.name}{more} left out: {reason}")
    stack = stack_slices([one.header for one in distinct.slices])
    ordered = tuple(distinct.slices[index] for index in stack.order)
    lines += _odd(ordered)
    scrub = secrets.scrub
    return Series(ordered, stack.affine, tuple(map(scrub, stack.problems)), tuple(map(scrub, lines)), secrets)


def _unusable(header: Dataset) -> str | None:
    """Say why a slice cannot be part of a CT or PET volume, or None."""
    modality = text(header, "Modality").upper()
    if modality not in NAMES:
        return "neither CT nor PET"
    if text(header, "SOPClassUID") in ENHANCED or (number(header, "NumberOfFrames") or 1) > 1:
        return f"enhanced multi-frame {NAMES[modality]}; export it as classic single-frame DICOM"
    if _is_localizer(header):
        return "a localizer (scout)"
    if "REPROJECTION" in words(header, "SeriesType") or "PROJECTION IMAGE" in words(header, "ImageType"):
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


def _odd(slices: tuple[Slice, ...]) -> list[str]:
    """Say what is odd about a series that can be used: too few slices, values of another kind."""
    header, lines = slices[0].header, []
    said = number(header, "NumberOfSlices")
    if said is not None and len(slices) < said:
        lines.append(
            f"{len(slices)} slices, but {name_of('NumberOfSlices')} says {said:g}: the ends may be missing"
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
