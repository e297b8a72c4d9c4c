"""True and false, positive and negative pixels, and the scores that follow from them."""

from dataclasses import dataclass
from math import nan
from typing import Self

import numpy as np


@dataclass(frozen=True)
class Counts:
    """Pixels of a prediction against the truth; counts of several slices are pooled by `+`.

    A score whose denominator is 0 is NaN: nothing was there to be scored, which is neither 0 nor 1.
    """

    tp: int = 0
    fp: int = 0
    fn: int = 0
    tn: int = 0

    @classmethod
    def of(cls, prediction: np.ndarray, truth: np.ndarray) -> Self:
        """Count the pixels of two masks of one shape; what is not 0 is tumour."""
        prediction, truth = prediction.astype(bool), truth.astype(bool)
        both, predicted, true = (
            int(np.count_nonzero(mask)) for mask in (prediction & truth, prediction, truth)
        )
        return cls(both, predicted - both, true - both, truth.size - predicted - true + both)

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.tp + other.tp, self.fp + other.fp, self.fn + other.fn, self.tn + other.tn)

    @property
    def predicted(self) -> int:
        """Pixels called tumour."""
        return self.tp + self.fp

    @property
    def true(self) -> int:
        """Pixels that are tumour."""
        return self.tp + self.fn

    @property
    def iou(self) -> float:
        """Intersection over union (Jaccard), in [0, 1]."""
        return _ratio(self.tp, self.tp + self.fp + self.fn)

    @property
    def dice(self) -> float:
        """Dice coefficient, which is F1 of the pixels, in [0, 1]."""
        return _ratio(2 * self.tp, self.predicted + self.true)

    @property
    def acc(self) -> float:
        """Mean of sensitivity and specificity (balanced accuracy, the paper's "Acc"), in [0, 1]."""
        return (_ratio(self.tp, self.true) + _ratio(self.tn, self.tn + self.fp)) / 2


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else nan
