"""A data set of phantom patients on disk, in PCLT20K's layout."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cipa.data.intensity import window_ct, window_pet
from cipa.data.layout import Image as ImageName
from cipa.data.layout import image_path, list_path
from cipa.data.metadata import METADATA
from cipa.data.spacing import KEY
from cipa.errors import UsageError
from cipa.files import atomic_folder, require_vacant
from cipa.parallel import runner
from cipa.phantom.patient import PhantomPatient, draw_patient
from cipa.phantom.plane import FIELD_OF_VIEW, SLICE_SPACING
from cipa.progress import Progress

_MOST_PATIENTS = 9999  # ids have four digits
_MOST_FEWEST = 40  # slices that tumours can be made to fill in the smallest lungs


@dataclass(frozen=True)
class _Recipe:
    seed: int
    size: int
    slices: tuple[int, int]
    healthy: float


def write_phantoms(
    out: str | os.PathLike[str],
    patients: int,
    seed: int = 0,
    size: int = 512,
    slices: tuple[int, int] = (4, 40),
    healthy: float = 0.0,
    test_fraction: float = 0.2,
    workers: int = 1,
    progress: Progress | None = None,
) -> None:
    """Draw phantom patients and write them as 8-bit PNG triples with train.txt and test.txt.

    CT is scaled from [-1200, 200] HU and PET from SUV 0 to 20, masks are 0 and 255. A patient's files are the
    same bytes whatever `patients` and `workers` are. metadata.json holds the spacing of the voxels.

    Args:
        out: folder to make; it appears when everything is written.
        patients: how many, 1 to 9,999, named 0001, 0002 and so on.
        seed: of the data set, 0 or more.
        size: pixels on a side over 500 mm, a multiple of 128.
        slices: fewest and most slices of a patient that show tumour.
        healthy: share of a patient's slices without tumour that are written too, 0 to 1. A network that is to
            read whole studies has to see such slices; PCLT20K, and the default, have none.
        test_fraction: share of the patients in test.txt, at least 0 and less than 1. Of two patients or more
            each list has at least one, unless the share is 0.
        workers: processes. More than one needs a main module that is guarded, as that of `cipa` is.
        progress: called after each patient.

    Raises:
        UsageError: a value is out of range, or `out` exists and is not an empty folder.
        OSError: the files cannot be written; nothing is left under `out`.
    """
    recipe = _Recipe(seed, size, slices, healthy)
    _refuse(Path(out), recipe, patients, test_fraction, workers)
    numbers: dict[int, tuple[int, ...]] = {}
    with atomic_folder(out) as folder, runner(min(workers, patients)) as run:
        for index, written in run(partial(_write_patient, folder, recipe), range(patients)):
            numbers[index] = written
            if progress:
                progress(len(numbers), patients)
        test = held_out_patients(patients, seed, test_fraction)
        train = [index for index in range(patients) if index not in set(test)]
        _write_list(list_path(folder, "train"), train, numbers)
        _write_list(list_path(folder, "test"), test, numbers)
        spacing = [SLICE_SPACING, FIELD_OF_VIEW / size, FIELD_OF_VIEW / size]
        (folder / METADATA).write_text(json.dumps({KEY: spacing}) + "\n", encoding="utf-8")


def held_out_patients(patients: int, seed: int, fraction: float) -> list[int]:
    """Return the indices of the patients to test on: those whose own random number is lowest.

    Args:
        patients: how many there are.
        seed: of the data set.
        fraction: share to test on, rounded, with at least one of two or more patients on either side.

    Returns:
        Indices, ascending.
    """
    count = round(patients * fraction)
    if fraction > 0 and patients > 1:
        count = min(max(count, 1), patients - 1)
    rank = [np.random.default_rng([seed, index, 3]).random() for index in range(patients)]
    return sorted(int(index) for index in np.argsort(rank)[:count])


def _write_list(path: Path, patients: Sequence[int], numbers: Mapping[int, Sequence[int]]) -> None:
    lines = [f"{slice_id(index, number)}\n" for index in patients for number in numbers[index]]
    path.write_text("".join(lines), encoding="utf-8", newline="\n")


def slice_id(index: int, number: int) -> str:
    """Return the name of a slice, "0001_023" for patient index 0 and slice number 23."""
    return f"{index + 1:04d}_{number:03d}"


def _write_patient(folder: Path, recipe: _Recipe, index: int) -> tuple[int, tuple[int, ...]]:
    patient = draw_patient(recipe.seed, index, recipe.size, recipe.slices, recipe.healthy)
    for place, number in enumerate(patient.numbers):
        for image, grey in _greys(patient, place):
            path = image_path(folder, slice_id(index, number), image)
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(grey).save(path, compress_level=4)
    return index, patient.numbers


def _greys(patient: PhantomPatient, place: int) -> Iterator[tuple[ImageName, NDArray[np.uint8]]]:
    yield "CT", window_ct(patient.ct_hu[place])
    yield "PET", window_pet(patient.suv[place])
    yield "mask", patient.mask[place] * np.uint8(255)


def _refuse(out: Path, recipe: _Recipe, patients: int, test_fraction: float, workers: int) -> None:
    if not 1 <= patients <= _MOST_PATIENTS:
        raise UsageError(f"{patients} patients: give 1 to {_MOST_PATIENTS}")
    if recipe.seed < 0:
        raise UsageError(f"seed {recipe.seed}: give 0 or more")
    if recipe.size < 128 or recipe.size % 128:
        raise UsageError(f"size {recipe.size}: give a multiple of 128, as 128, 256 or 512")
    if not 1 <= recipe.slices[0] <= recipe.slices[1]:
        raise UsageError(
            f"slices {recipe.slices[0]} to {recipe.slices[1]}: give the fewer first, 1 or more, as 4 40"
        )
    if recipe.slices[0] > _MOST_FEWEST:
        raise UsageError(f"at least {recipe.slices[0]} slices: a thorax has room for {_MOST_FEWEST} at most")
    if not 0 <= recipe.healthy <= 1:
        raise UsageError(f"healthy slices {recipe.healthy:g}: give a share of 0 to 1, as 0.5")
    if not 0 <= test_fraction < 1:
        raise UsageError(f"test fraction {test_fraction:g}: give at least 0 and less than 1, as 0.2")
    if workers < 1:
        raise UsageError(f"{workers} workers: give 1 or more")
    require_vacant(out)
