"""A short score of whole volumes: 3-D Dice and false-positive volume of each patient, and their means.

What a validation can afford: no surfaces. `cipa.evaluation.patient` has every score of the patient protocol.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import nan

import numpy as np

from cipa.data.layout import patient_of, slice_number
from cipa.data.spacing import Spacing
from cipa.evaluation.counts import Counts
from cipa.evaluation.hd95 import bounding_box
from cipa.evaluation.lesions import match_lesions
from cipa.evaluation.mask_store import MaskStore
from cipa.evaluation.stack import slice_indices, stack_slices


@dataclass(frozen=True)
class VolumeMeans:
    """Means over patients.

    Attributes:
        dice: 3-D Dice, in [0, 1]; 1 of a patient without tumour and without a mark.
        fp_ml: volume of predicted lesions that meet no true one, mL; NaN where the spacing is not known.
    """

    dice: float
    fp_ml: float


class VolumeDice:
    """Collects slices, in any order and from any number of processes; it pickles and merges.

    Args:
        spacings: patient to z, y, x in mm; None where they are not known.
    """

    def __init__(self, spacings: Mapping[str, Spacing] | None) -> None:
        self._spacings = spacings
        self._predictions, self._truths = MaskStore(), MaskStore()

    def update(self, slice_id: str, prediction: np.ndarray, truth: np.ndarray) -> None:
        """Take one slice, two masks (H, W); a slice given again replaces the first."""
        self._predictions.add(slice_id, prediction)
        self._truths.add(slice_id, truth)

    def merge(self, other: "VolumeDice") -> None:
        """Take over the slices of another collection."""
        self._predictions.merge(other._predictions)
        self._truths.merge(other._truths)

    def result(self) -> VolumeMeans:
        """Score the slices so far.

        Raises:
            DataError: the slice numbers of a patient do not make a volume.
        """
        scores = [self._score(ids) for ids in by_patient(self._truths.names).values()]
        return VolumeMeans(*(float(np.mean(values)) for values in zip(*scores, strict=True)))

    def _score(self, ids: list[str]) -> tuple[float, float]:
        places = slice_indices(ids)
        prediction, truth = (
            stack_slices([store.get(slice_id) for slice_id in ids], places)
            for store in (self._predictions, self._truths)
        )
        either = prediction | truth
        if not either.any():
            return 1.0, 0.0
        box = bounding_box(either)
        prediction, truth = prediction[box], truth[box]
        false_voxels = match_lesions(prediction, truth).unfounded_voxels
        spacing = self._spacings[patient_of(ids[0])] if self._spacings is not None else None
        return Counts.of(prediction, truth).dice, false_voxels * voxel_ml(spacing)


def voxel_ml(spacing: Spacing | None) -> float:
    """Return the volume of a voxel in mL; NaN where the spacing is not known."""
    return nan if spacing is None else float(np.prod(spacing)) / 1000


def by_patient(ids: Iterable[str]) -> dict[str, list[str]]:
    """Group slice ids by patient, each group by slice number."""
    groups: dict[str, list[str]] = {}
    for slice_id in sorted(ids, key=lambda each: (patient_of(each), slice_number(each))):
        groups.setdefault(patient_of(slice_id), []).append(slice_id)
    return groups
