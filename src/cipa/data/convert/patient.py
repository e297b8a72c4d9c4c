"""One patient's volumes as 8-bit slices on squares of one size."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cipa.data.convert.sources import Triple
from cipa.data.intensity import window_ct, window_pet
from cipa.data.layout import FOREGROUND, Image
from cipa.data.mask_file import read_mask_file
from cipa.errors import DataError, UsageError
from cipa.io.checks import VolumeWarning, check_pair
from cipa.io.dicom.frame_choice import frame_range
from cipa.io.dicom.study import join_studies, read_study
from cipa.io.dicom.summary import collect_warnings
from cipa.io.dicom.tags import text
from cipa.io.dicom.volumes import read_pet_ct
from cipa.io.grid import resample_slices
from cipa.io.nifti import read_volume
from cipa.io.orientation import axial_stack, spacing
from cipa.io.plane import FIELD_OF_VIEW_MM, PlaneFit, fit_plane
from cipa.io.volume import Volume
from cipa.modalities import CT_WINDOW, SUV_MAX

Slice = dict[Image, npt.NDArray[np.uint8]]
"""CT, PET and mask of one slice, uint8 (size, size)."""


@dataclass(frozen=True)
class Recipe:
    """How volumes are cut into slices.

    Attributes:
        size: pixels a side, a multiple of 128.
        fit: `auto`, `pad` or `resample`, as `cipa.io.plane` describes them.
        slices: `all`, or `tumour` for those with tumour alone, as PCLT20K has them.
        field_of_view: millimetres that an image spans.
        ct_window: HU that become 0 and 255.
        suv_max: SUV that becomes 255.
        pet_scaling: `linear` or `arcsinh`, as `cipa.data.intensity` has them.
        label: NIfTI: value of the mask that is tumour; None for whatever is not 0.
        regions: SEG and RTSTRUCT: names or patterns of what is tumour; none for the only one that is there.
        frame: DICOM: number of the time frame to take of dynamic and gated series, from 1.
        sum_frames: DICOM: first and last of several, whose mean is taken instead, weighted by duration.

    Raises:
        UsageError: a value is out of its range, or both `frame` and `sum_frames`.
    """

    size: int = 512
    fit: str = "auto"
    slices: str = "all"
    field_of_view: float = FIELD_OF_VIEW_MM
    ct_window: tuple[float, float] = CT_WINDOW
    suv_max: float = SUV_MAX
    pet_scaling: str = "linear"
    label: int | None = None
    regions: tuple[str, ...] = ()
    frame: int | None = None
    sum_frames: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if self.size < 128 or self.size % 128:
            raise UsageError(f"size {self.size}: give a multiple of 128, as 128, 256 or 512")
        if self.slices not in ("tumour", "all"):
            raise UsageError(f"slices '{self.slices}': choose tumour or all")
        if self.label == 0:
            raise UsageError("label 0: that is what is no tumour; give the value of the tumour")
        # what these functions refuse is better said before the first volume is read
        frame_range(self.frame, self.sum_frames)
        fit_plane((1, 1), (1.0, 1.0), self.size, self.fit, self.field_of_view)
        window_ct(np.zeros(1), self.ct_window)
        window_pet(np.zeros(1), self.suv_max, self.pet_scaling)


@dataclass(frozen=True)
class SlicedPatient:
    """A patient's volumes, seen as slices.

    Attributes:
        ct: CT in HU.
        pet: PET in SUV, on any grid of the same world.
        tumour: bool, of the CT's shape.
        recipe: what slices are made.
        plane: how a slice lies on its square.
        spacing: (z, y, x) millimetres between slices and between the pixels of the images made.
    """

    ct: Volume
    pet: Volume
    tumour: npt.NDArray[np.bool_]
    recipe: Recipe
    plane: PlaneFit
    spacing: tuple[float, float, float]

    def __iter__(self) -> Iterator[tuple[int, Slice]]:
        """Give each slice with its number: its place among the CT's axial slices, 0 nearest to the feet."""
        slices, world = axial_stack(self.ct.array, self.ct.affine)
        tumour, _ = axial_stack(self.tumour, self.ct.affine)
        for number in range(len(slices)):
            mask = self._square(tumour[number] * np.uint8(255)) >= FOREGROUND
            if self.recipe.slices == "tumour" and not mask.any():
                continue
            run = slice(number, number + 1)
            suv = resample_slices(self.pet.array, self.pet.affine, world, slices.shape, run)[0]
            yield (
                number,
                {
                    "CT": self._square(window_ct(slices[number], self.recipe.ct_window)),
                    "PET": self._square(window_pet(suv, self.recipe.suv_max, self.recipe.pet_scaling)),
                    "mask": mask * np.uint8(255),
                },
            )

    def _square(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        return self.plane.to_network(image[None])[0]


def open_patient(triple: Triple, recipe: Recipe) -> SlicedPatient:
    """Read a patient's volumes and decide how their slices are made.

    Args:
        triple: the files.
        recipe: what slices are wanted.

    Raises:
        DataError: a file cannot be read, CT and PET cannot be of one patient (`cipa.io.checks.check_pair`),
            or the mask holds no usable tumour (`read_mask_file`).
        UsageError: slices do not fit with `pad`.

    Warns:
        VolumeWarning: something looks wrong, as those functions say.
    """
    ct, pet, frame = _read_pair(triple, recipe)
    check_pair(ct, pet)
    mask = read_mask_file(
        triple.mask,
        ct,
        pet,
        frame=frame,
        label=recipe.label,
        regions=recipe.regions,
        needed=recipe.slices == "tumour",
    )
    for line in mask.warnings:
        warnings.warn(line, VolumeWarning, stacklevel=2)
    slices, world = axial_stack(ct.array, ct.affine)
    between, *pixel = spacing(world)
    plane = fit_plane(
        (slices.shape[1], slices.shape[2]),
        (pixel[0], pixel[1]),
        recipe.size,
        recipe.fit,
        recipe.field_of_view,
    )
    rows, columns = (
        step * full / kept for step, full, kept in zip(pixel, plane.source, plane.content, strict=True)
    )
    return SlicedPatient(ct, pet, mask.tumour, recipe, plane, (between, rows, columns))


def _read_pair(triple: Triple, recipe: Recipe) -> tuple[Volume, Volume, str]:
    """Read CT and PET; return them with their Frame of Reference UID, empty of NIfTI."""
    if not triple.is_dicom:
        if wanted := frame_range(recipe.frame, recipe.sum_frames):
            raise DataError(f"{wanted}: {triple.ct} is no DICOM study, whose time frames it chooses")
        return read_volume(triple.ct), read_volume(triple.pet), ""
    study = read_study(triple.ct, triple.folders)
    if triple.pet != triple.ct:
        study = join_studies(study, read_study(triple.pet))
    pair = read_pet_ct(study, **{"frame": recipe.frame, "sum_frames": recipe.sum_frames} | dict(triple.given))
    for line in (*collect_warnings(study), *pair.warnings):
        warnings.warn(line, VolumeWarning, stacklevel=3)
    return pair.ct, pair.pet, text(pair.ct_series.header, "FrameOfReferenceUID")


def require_tumour(patient: SlicedPatient, slices_with_tumour: int, triple: Triple) -> None:
    """Refuse a patient whose tumour shows in none of the slices.

    Raises:
        DataError: the tumour is smaller than a pixel of the images made.
    """
    if patient.tumour.any() and not slices_with_tumour:
        raise DataError(f"{triple.mask}: its tumour vanishes at this image size; choose a larger --size")
