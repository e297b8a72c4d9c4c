"""The slices of a run: training and validation."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cipa.data.folds import deal_folds, parse_fold, sizes_of_patients
from cipa.data.pclt20k import PCLT20K, patient_of, read_ids
from cipa.data.spacing import Spacing, SpacingUnknown, find_spacings
from cipa.data.split import hold_out
from cipa.errors import DataError
from cipa.evaluation.stack import slice_indices
from cipa.evaluation.volume_dice import by_patient
from cipa.text import plural
from cipa.training.recipe import TrainRecipe
from cipa.training.sampler import SlicePool, pool_slices
from cipa.training.state import fingerprint


@dataclass(frozen=True)
class Slices:
    """Two data sets.

    Attributes:
        training: what the weights learn from.
        validation: what the best weights are chosen on; None where the recipe validates on nothing.
        tumour_pixels: of each training slice.
        pool: which training slices an epoch takes.
        left_out: patients of the fold that the run never sees.
        spacings: of the validation patients, z, y, x in mm; None where they are not known.
        no_volumes: why the validation slices make no volumes; empty where they do.
    """

    training: PCLT20K
    validation: PCLT20K | None
    tumour_pixels: list[int]
    pool: SlicePool
    left_out: frozenset[str] = frozenset()
    spacings: Mapping[str, Spacing] | None = None
    no_volumes: str = ""

    @property
    def fingerprint(self) -> str:
        """Digest of both sets' ids and of which show tumour, to recognise them when the run is resumed."""
        marked = [
            f"{slice_id}{'' if pixels else ' without tumour'}"
            for slice_id, pixels in zip(self.training.ids, self.tumour_pixels, strict=True)
        ]
        return fingerprint(marked, self.validation.ids if self.validation else [])

    @property
    def lesion_free(self) -> int:
        """How many training slices show no tumour."""
        return self.tumour_pixels.count(0)


def read_slices(recipe: TrainRecipe, data: Path) -> Slices:
    """Open the data set in `data` as the recipe divides it.

    Raises:
        UsageError: there are fewer patients than folds.
        DataError: a list or an image is missing, there are too few patients to hold one out, a training mask
            cannot be read, is not of the recipe's image_size, or none shows tumour; a fold has none.
    """
    wanted, network = recipe.validation, recipe.network.with_defaults()
    size, stack = network.image_size or 0, network.slices or 1
    ids, validation = read_ids(data, "train"), list[str]()
    listed = PCLT20K(data, ids, size=size, slices=stack)
    listed[0]  # so that a wrong image_size shows now, not after the run's folder is made
    tumour = dict(zip(ids, listed.tumour_pixels(), strict=True))
    left_out = _patients_of_fold(wanted.fold, sizes_of_patients(ids, list(tumour.values())))
    training = [slice_id for slice_id in ids if patient_of(slice_id) not in left_out]
    if wanted.validation == "hold-out":
        training, validation = hold_out(training, wanted.validation_fraction, wanted.validation_seed)
    elif wanted.validation == "test":
        validation = read_ids(data, "test")
    learnt = PCLT20K(data, training, size=size, slices=stack)
    held = PCLT20K(data, validation, size=size, slices=stack) if validation else None
    pixels = [tumour[slice_id] for slice_id in training]
    if not any(pixels):
        raise DataError(f"{data}: no training slice shows tumour; see its masks, or give other patients")
    pool = pool_slices(pixels, recipe.optimisation.lesion_free)
    spacings, no_volumes = _spacings(data, validation), _why_no_volumes(validation)
    return Slices(learnt, held, pixels, pool, left_out, spacings, no_volumes)


def _patients_of_fold(fold: str | None, sizes: Mapping[str, int]) -> frozenset[str]:
    """Return the patients of a fold."""
    if fold is None:
        return frozenset()
    number, folds = parse_fold(fold)
    return frozenset(deal_folds(sizes, folds)[number - 1])


def _spacings(data: Path, validation: list[str]) -> Mapping[str, Spacing] | None:
    try:
        return find_spacings(data, map(patient_of, validation))
    except SpacingUnknown:
        return None


def _why_no_volumes(validation: list[str]) -> str:
    try:
        for ids in by_patient(validation).values():
            slice_indices(ids)
    except DataError as error:
        return str(error)
    return ""


def describe_training(slices: Slices) -> str:
    """Say what a run learns from: "120 slices with tumour and 59 of 400 without, of 38 patients"."""
    without = slices.lesion_free
    tumour = len(slices.tumour_pixels) - without
    drawn = len(slices.pool) - tumour
    share = f"{drawn:,}" if drawn == without else f"{drawn:,} of {without:,}"
    return f"{plural(tumour, 'slice')} with tumour and {share} without, of {_patients(slices.training)}"


def count(dataset: PCLT20K) -> str:
    """Say how many slices and patients a set has: "17,416 slices of 484 patients"."""
    return f"{plural(len(dataset), 'slice')} of {_patients(dataset)}"


def _patients(dataset: PCLT20K) -> str:
    patients = len({patient_of(slice_id) for slice_id in dataset.ids})
    return plural(patients, "patient")
