"""Lesions of two masks: which were found, which are false, and the volumes missed and falsely marked.

A lesion is a connected component of a mask, voxels that touch by a face, an edge or a corner (26 neighbours).
It counts as found, or as right, if it shares any voxel with the other mask; one predicted component that
covers two lesions finds both. A mask far too large is therefore right by these counts: read them beside Dice
or the volume error. The autoPET challenge (Gatidis et al., 2022) defines false-negative and
false-positive volume in this way, by components without overlap, though with 18 neighbours.
"""

from dataclasses import dataclass
from math import nan

import numpy as np

from cipa.io.components import label_components


@dataclass(frozen=True)
class LesionCounts:
    """Lesions and voxels of a prediction against the truth.

    Attributes:
        true: lesions of the truth.
        found: those of them with a predicted voxel.
        predicted: lesions of the prediction.
        right: those of them with a true voxel.
        missed_voxels: voxels of true lesions without a predicted voxel.
        unfounded_voxels: voxels of predicted lesions without a true voxel.
    """

    true: int
    found: int
    predicted: int
    right: int
    missed_voxels: int
    unfounded_voxels: int

    @property
    def sensitivity(self) -> float:
        """Share of the true lesions that were found, in [0, 1]; NaN where there is none."""
        return self.found / self.true if self.true else nan

    @property
    def precision(self) -> float:
        """Share of the predicted lesions that are right, in [0, 1]; NaN where none was predicted."""
        return self.right / self.predicted if self.predicted else nan

    @property
    def f1(self) -> float:
        """Harmonic mean of sensitivity and precision, in [0, 1].

        1 where neither mask holds a lesion, 0 where only one does or no lesion meets another.
        """
        if not self.true and not self.predicted:
            return 1.0
        if not self.found or not self.right:
            return 0.0
        return 2 * self.sensitivity * self.precision / (self.sensitivity + self.precision)


def match_lesions(prediction: np.ndarray, truth: np.ndarray) -> LesionCounts:
    """Label the lesions of both masks and match them by any overlap.

    Args:
        prediction: bool mask (Z, H, W).
        truth: bool mask of the same shape.

    Returns:
        The counts of lesions and voxels.
    """
    true, found, missed_voxels = _met(truth, prediction)
    predicted, right, unfounded_voxels = _met(prediction, truth)
    return LesionCounts(true, found, predicted, right, missed_voxels, unfounded_voxels)


def _met(mask: np.ndarray, other: np.ndarray) -> tuple[int, int, int]:
    """Return the lesions of a mask, those that meet the other mask, and the voxels of those that do not."""
    names, count = label_components(mask)
    sizes = np.bincount(names.ravel(), minlength=count + 1)[1:]
    meets = np.bincount(names[other], minlength=count + 1)[1:] > 0
    return count, int(meets.sum()), int(sizes[~meets].sum())
