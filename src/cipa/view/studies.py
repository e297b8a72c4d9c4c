"""The images of a result: found by the fingerprint it keeps, read, and checked against its mask."""

from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any

from cipa.errors import DataError
from cipa.inference.details import body_of_pair
from cipa.inference.inputs import PetCtInput
from cipa.inference.locations import read_location
from cipa.inference.options import StudyOptions
from cipa.io.checks import pair_warnings
from cipa.io.grid import same_grid
from cipa.io.location_cache import recall_location, remember_location
from cipa.io.studies import StudyLocation, find_studies, fingerprint_of
from cipa.lesions.body import Body
from cipa.view.page_order import PageGrid, page_grid
from cipa.view.refusal import Refusal

SAME_MM = 0.1
"""Millimetres by which voxels of mask and CT may lie apart: NIfTI keeps rotations as float32."""

GIVEN = tuple(one.name for one in fields(StudyOptions))
"""What a result says of its study, which is read by it again."""


@dataclass
class OpenStudy:
    """Images of a study in memory.

    Attributes:
        pair: CT and PET.
        lines: warnings about them, computed once.
        grid: the CT's, as the page sees it.
        frames: of the rotating projection, PNG, by number, as they are asked for.
    """

    pair: PetCtInput
    lines: tuple[str, ...]
    grid: PageGrid
    frames: dict[int, bytes] = field(default_factory=dict)
    lock: Lock = field(default_factory=Lock)

    @property
    def has_pet(self) -> bool:
        """Whether PET was given."""
        return "pet" in self.pair.inputs

    @cached_property
    def body(self) -> Body | None:
        """The patient in the images, found once for all saves."""
        return body_of_pair(self.pair)


class StudyFinder:
    """Finds the study of a result: where the user says, else where it is remembered."""

    def __init__(self, given: Path | None = None) -> None:
        """Look where the user says.

        Args:
            given: a study, or a folder of studies; None to go by what is remembered.

        Raises:
            DataError: there is no study.
        """
        self.given = [] if given is None else find_studies(given)
        if given is not None and not self.given:
            raise DataError(
                f"{given}: no study there; give a DICOM folder or zip, or a folder with CT and PET"
            )

    def find(self, fingerprint: str) -> StudyLocation | None:
        """Return where the study of a fingerprint lies, None where that is not known."""
        for place in self.given:
            if fingerprint and place.fingerprint == fingerprint:
                return place
        if self.given:
            return None
        remembered = recall_location(fingerprint)
        return remembered if remembered is not None and _lies_there(remembered) else None


def open_study(
    finder: StudyFinder, facts: dict[str, Any], mask_shape: tuple[int, ...], affine: Any
) -> OpenStudy:
    """Read the study of a result.

    Args:
        finder: says where it lies.
        facts: of the result.
        mask_shape: voxels of its mask.
        affine: (4, 4) of its mask.

    Returns:
        Its images, on the grid of the mask.

    Raises:
        Refusal: it is not known where the study lies (404), or it is another one (409).
        DataError: the study cannot be read.
    """
    place = finder.find(str(facts.get("source", "")))
    if place is None:
        raise Refusal(
            404,
            "where CT and PET of this result lie is not known on this machine: end cipa view, and start it "
            "again with --study FOLDER, the study or a folder of studies",
        )
    pair = read_location(place, _options(facts))
    if not same_grid(pair.ct.affine, pair.ct.shape, affine, mask_shape, SAME_MM):
        raise Refusal(
            409, "the CT has another grid than the mask of this result: is it the CT it was made of?"
        )
    remember_location(place)
    return prepare_study(pair)


def _lies_there(place: StudyLocation) -> bool:
    """Tell whether what stands where a study was read has its fingerprint still."""
    if not place.is_dicom:
        files = [file for file in (place.ct, place.pet) if file is not None]
        return fingerprint_of(*files) == place.fingerprint
    return any(one.fingerprint == place.fingerprint for one in find_studies(place.ct))


def prepare_study(pair: PetCtInput) -> OpenStudy:
    """Check a pair once for all revisions that are made of it."""
    ct, pet = (
        volume if kind in pair.inputs else None for kind, volume in (("ct", pair.ct), ("pet", pair.pet))
    )
    return OpenStudy(pair, tuple(pair_warnings(ct, pet)), page_grid(pair.ct.shape, pair.ct.affine))


def _options(facts: dict[str, Any]) -> StudyOptions:
    """Return what the user said of the study when the result was made."""
    given = facts.get("given") or {}
    return StudyOptions(**{name: given[name] for name in GIVEN if name in given})
