"""Series of a study: slices that belong together, what they are, and whether they can be used."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from cipa.io.dicom.geometry import has_place, place
from cipa.io.dicom.source import Entry
from cipa.io.dicom.syntax import undecodable
from cipa.io.dicom.tags import name_of, number, numbers, text, words

ENHANCED = ("1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.128.1", "1.2.840.10008.5.1.4.1.1.130")
"""SOP classes Enhanced CT, Legacy Converted Enhanced PET and Enhanced PET: many frames in one file."""

NAMES = {"CT": "CT", "PT": "PET"}
"""Modalities that are used, with the names that users know."""


@dataclass(frozen=True)
class Slice:
    """One file and its header, without the pixels.

    Attributes:
        entry: the file.
        header: what stands before the pixels.
        pixels_at: byte at which Pixel Data is expected; whoever goes there looks whether it is.
    """

    entry: Entry
    header: Dataset
    pixels_at: int = 0


@dataclass(frozen=True)
class Series:
    """Slices of one series that share orientation, matrix and pixel spacing.

    Attributes:
        slices: sorted along the normal where they have a place.
        affine: (4, 4), indices (column, row, slice) to world millimetres, RAS+; None where there is no grid.
        problems: why it cannot be used, one line each; empty if it can.
        notes: what is odd about it and does not matter.
    """

    slices: tuple[Slice, ...]
    affine: npt.NDArray[np.float64] | None
    problems: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def header(self) -> Dataset:
        """Header of the first slice."""
        return self.slices[0].header

    @property
    def modality(self) -> str:
        """`CT`, `PET` or what DICOM calls it."""
        code = text(self.header, "Modality").upper()
        return NAMES.get(code, code)

    @property
    def number(self) -> str:
        """Series Number, or a question mark."""
        return text(self.header, "SeriesNumber") or "?"

    @property
    def title(self) -> str:
        """What to call the series in a message: modality, number and description."""
        return f"{self.modality} series {self.number} '{text(self.header, 'SeriesDescription')}'"

    @property
    def shape(self) -> tuple[int, int, int]:
        """Columns, rows and slices."""
        rows, columns = (int(number(self.header, name) or 0) for name in ("Rows", "Columns"))
        return columns, rows, len(self.slices)

    @property
    def is_image(self) -> bool:
        """Whether it is CT or PET, usable or not."""
        return self.modality in NAMES.values()


def group_series(slices: Iterable[Slice]) -> list[Series]:
    """Sort the slices of a study into series; a series with slices of several sizes or tilts becomes several.

    Args:
        slices: in any order.

    Returns:
        Usable and unusable ones, by series number.
    """
    groups: dict[tuple[object, ...], list[Slice]] = defaultdict(list)
    for one in slices:
        groups[_key(one.header)].append(one)
    found = [_make_series(group) for group in groups.values()]
    return sorted(found, key=lambda series: (number(series.header, "SeriesNumber") or 0, series.modality))


def _key(header: Dataset) -> tuple[object, ...]:
    directions = numbers(header, "ImageOrientationPatient", 6) or ()
    spacing = numbers(header, "PixelSpacing", 2) or ()
    return (
        *(text(header, name) for name in ("SeriesInstanceUID", "Modality", "Rows", "Columns", "Units")),
        text(header, "FrameOfReferenceUID"),
        tuple(round(value, 3) + 0.0 for value in directions),
        tuple(round(value, 4) for value in spacing),
    )


def _make_series(slices: list[Slice]) -> Series:
    distinct = list({text(one.header, "SOPInstanceUID") or one.entry.name: one for one in slices}.values())
    copies = len(slices) - len(distinct)
    notes: tuple[str, ...] = (f"copies of other files left out: {copies}",) if copies else ()
    reasons = [_unusable(one.header) for one in distinct]
    good = [one for one, reason in zip(distinct, reasons, strict=True) if reason is None]
    if not good:
        return Series(tuple(distinct), None, (str(reasons[0]),), notes)
    notes += tuple(
        f"{one.entry.name} is left out: {reason}"
        for one, reason in zip(distinct, reasons, strict=True)
        if reason is not None
    )
    placement = place([one.header for one in good])
    ordered = tuple(good[index] for index in placement.order)
    return Series(ordered, placement.affine, placement.problems, notes + _short(ordered))


def _unusable(header: Dataset) -> str | None:
    """Say why a slice cannot be part of a CT or PET volume, or None."""
    modality = text(header, "Modality").upper()
    if modality not in NAMES:
        return "neither CT nor PET"
    if text(header, "SOPClassUID") in ENHANCED or (number(header, "NumberOfFrames") or 1) > 1:
        return f"enhanced multi-frame {NAMES[modality]}; export it as classic single-frame DICOM"
    if "LOCALIZER" in words(header, "ImageType"):
        return "a localizer (scout)"
    if number(header, "SamplesPerPixel") != 1 or not number(header, "Rows") or not number(header, "Columns"):
        return "no grey image (a screenshot or report)"
    if not has_place(header):
        return f"{name_of('ImagePositionPatient')}, orientation or pixel spacing is missing or malformed"
    if modality == "PT" and "ATTN" not in words(header, "CorrectedImage"):
        return f"not attenuation corrected: {name_of('CorrectedImage')} lacks ATTN; export the corrected PET"
    if number(header, "RescaleSlope") is None or number(header, "RescaleIntercept") is None:
        return f"{name_of('RescaleSlope')} or intercept is missing; export the series again"
    return undecodable(header)


def _short(slices: tuple[Slice, ...]) -> tuple[str, ...]:
    """Note a PET series that has fewer slices than its header says: its ends may be missing."""
    said = number(slices[0].header, "NumberOfSlices")
    if said is None or len(slices) >= said:
        return ()
    return (f"{len(slices)} slices, but {name_of('NumberOfSlices')} says {said:g}: the ends may be missing",)
