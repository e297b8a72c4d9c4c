"""The slices of a run: what it learns from and what it is validated on."""

from dataclasses import dataclass
from pathlib import Path

from cipa.data.pclt20k import PCLT20K, patient_of, read_ids
from cipa.data.split import hold_out
from cipa.training.recipe import TrainRecipe
from cipa.training.state import fingerprint


@dataclass(frozen=True)
class Slices:
    """Two data sets.

    Attributes:
        training: what the weights learn from.
        validation: what the best weights are chosen on; None where the recipe validates on nothing.
    """

    training: PCLT20K
    validation: PCLT20K | None

    @property
    def fingerprint(self) -> str:
        """Digest of both sets' ids, to know them again when the run is resumed."""
        return fingerprint(self.training.ids, self.validation.ids if self.validation else [])


def read_slices(recipe: TrainRecipe, data: Path) -> Slices:
    """Open the data set in `data` as the recipe divides it.

    Raises:
        DataError: a list or an image is missing, or there are too few patients to hold one out; the
            first slice is not of the recipe's image_size.
    """
    wanted, size, stack = recipe.validation, recipe.network.image_size, recipe.network.slices
    training, validation = read_ids(data, "train"), list[str]()
    if wanted.validation == "hold-out":
        training, validation = hold_out(training, wanted.validation_fraction, wanted.validation_seed)
    elif wanted.validation == "test":
        validation = read_ids(data, "test")
    slices = Slices(
        PCLT20K(data, training, size=size, slices=stack),
        PCLT20K(data, validation, size=size, slices=stack) if validation else None,
    )
    slices.training[0]  # so that a wrong image_size shows now, not after the run's folder is made
    return slices


def count(dataset: PCLT20K) -> str:
    """Say how many slices and patients a set has: "17,416 slices of 484 patients"."""
    patients = len({patient_of(slice_id) for slice_id in dataset.ids})
    return f"{len(dataset):,} slices of {patients:,} patient{'s' * (patients != 1)}"
