"""Threshold and smallest lesion of a network, chosen on whole volumes it was not trained on.

Of all pairs whose mean 3-D Dice over patients is within half a point of the highest, the one with the least
false-positive volume: a mark where nothing is costs a reader more than a rim of voxels.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan

import numpy as np
import numpy.typing as npt

from cipa.evaluation.hd95 import bounding_box
from cipa.io.components import label_components

LEVELS = 20
"""Probabilities are cut into so many steps, and thresholds lie on them: 0.05, 0.10, ..."""

THRESHOLDS = tuple(level / LEVELS for level in range(2, LEVELS - 1))
"""0.10 to 0.90."""

SMALLEST_ML = (0.0, 0.1, 0.2, 0.5, 1.0, 2.0)

NEAR = 0.005
"""Mean Dice that is given for fewer false positives."""


@dataclass(frozen=True)
class OperatingPoint:
    """What was chosen, and its scores on the patients it was chosen on.

    Attributes:
        threshold: probability from which a voxel is tumour.
        smallest_ml: volume below which a lesion is left out, mL; 0 where the spacing is not known.
        dice: mean 3-D Dice over patients, in [0, 1].
        fp_ml: mean false-positive volume, mL; NaN where the spacing is not known.
    """

    threshold: float
    smallest_ml: float
    dice: float
    fp_ml: float


@dataclass(frozen=True)
class Grid:
    """Scores of one patient at every pair, each (thresholds, smallest lesions).

    Attributes:
        dice: 3-D Dice; 1 without tumour and without a mark.
        false_voxels: voxels of predicted lesions that meet no tumour.
        voxel_ml: volume of a voxel, NaN where it is not known.
    """

    dice: npt.NDArray[np.float64]
    false_voxels: npt.NDArray[np.float64]
    voxel_ml: float


def quantise(probability: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Cut probabilities, 0 to 1, into steps of 1 / `LEVELS`: 0 to `LEVELS`."""
    return (probability * np.float32(LEVELS)).astype(np.uint8)


def score_grid(levels: npt.NDArray[np.uint8], truth: npt.NDArray[np.bool_], voxel_ml: float) -> Grid:
    """Score one patient at every threshold and smallest lesion.

    Args:
        levels: (Z, H, W), from `quantise`.
        truth: (Z, H, W).
        voxel_ml: volume of a voxel, mL; NaN where it is not known, and no lesion is left out then.
    """
    total = int(np.count_nonzero(truth))
    shape = len(THRESHOLDS), len(SMALLEST_ML)
    dice, false_voxels = np.empty(shape), np.empty(shape)
    marked = levels >= round(THRESHOLDS[0] * LEVELS)
    box = bounding_box(marked) if marked.any() else (slice(0, 1),) * 3
    levels, truth = levels[box], truth[box]
    for row, threshold in enumerate(THRESHOLDS):
        labels, count = label_components(levels >= round(threshold * LEVELS))
        sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:]
        meets = np.bincount(labels[truth], minlength=count + 1)[1:]
        for column, smallest in enumerate(SMALLEST_ML):
            kept = np.ones(count, bool) if isnan(voxel_ml) else sizes * voxel_ml >= smallest
            marks = int(sizes[kept].sum()) + total
            dice[row, column] = 2 * int(meets[kept].sum()) / marks if marks else 1.0
            false_voxels[row, column] = sizes[kept & (meets == 0)].sum()
    return Grid(dice, false_voxels, voxel_ml)


def choose_operating_point(patients: Sequence[Grid]) -> OperatingPoint:
    """Choose by the means over patients.

    Args:
        patients: at least one.

    Returns:
        The pair; of equals the threshold nearest to one half and the smaller lesion.
    """
    volume_known = not any(isnan(patient.voxel_ml) for patient in patients)
    dice = np.mean([patient.dice for patient in patients], axis=0)
    unit = [patient.voxel_ml if volume_known else 1.0 for patient in patients]
    false = np.mean([one * patient.false_voxels for one, patient in zip(unit, patients, strict=True)], axis=0)
    columns = range(len(SMALLEST_ML) if volume_known else 1)
    near = [
        (float(false[row, column]), abs(threshold - 0.5), SMALLEST_ML[column], row, column)
        for row, threshold in enumerate(THRESHOLDS)
        for column in columns
        if dice[row, column] >= dice[:, columns].max() - NEAR
    ]
    volume, _, smallest, row, column = min(near)
    fp_ml = volume if volume_known else float("nan")
    return OperatingPoint(THRESHOLDS[row], smallest, float(dice[row, column]), fp_ml)
