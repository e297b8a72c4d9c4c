"""One patient's prediction against the truth, in three dimensions and in millimetres.

Where a mask is empty each score has a stated value, so that no patient drops out of a mean unseen:

| truth | prediction | case | Dice, IoU, NSD, lesion F1 | HD95 | lesion sensitivity | precision |
|---|---|---|---|---|---|---|
| tumour | tumour | scored | as computed | as computed | as computed | as computed |
| tumour | empty | missed | 0 | diagonal of the stack | 0 | undefined |
| empty | tumour | unfounded | 0 | diagonal of the stack | undefined | 0 |
| empty | empty | empty | 1 | 0 | undefined | undefined |

Volumes and their error in mL are always defined, the relative error needs a truth. What is undefined is NaN.
The diagonal of the imaged stack, as BraTS uses it, is longer than any distance within it: a miss is never
better than a bad mask.
"""

from dataclasses import dataclass
from math import hypot, nan
from typing import Literal

import numpy as np

from cipa.data.spacing import Spacing
from cipa.evaluation.counts import Counts
from cipa.evaluation.hd95 import PERCENTILE, bounding_box, surface_distances
from cipa.evaluation.lesions import LesionCounts, match_lesions

TOLERANCE_MM = 2.0
"""Distance within which surfaces count as the same, unless another is asked for."""

ROUNDING = 1e-9
"""Millimetres within which distances are equal: 20 steps of 0.1 mm are not beyond 2 mm."""

Case = Literal["scored", "missed", "unfounded", "empty"]


@dataclass(frozen=True)
class VolumeScores:
    """Scores of one patient; for empty masks see the module's table.

    Attributes:
        case: which row of that table.
        dice: Dice coefficient of the voxels, in [0, 1].
        iou: intersection over union of the voxels, in [0, 1].
        nsd: normalised surface Dice (see `score_volume`), in [0, 1].
        hd95_mm: the larger of the two directed 95th percentiles of surface distance, mm.
        lesions: lesions of both masks and how they met.
        fn_ml: volume of true lesions without any predicted voxel, mL.
        fp_ml: volume of predicted lesions without any true voxel, mL.
        truth_ml: volume of the truth, mL.
        prediction_ml: volume of the prediction, mL.
    """

    case: Case
    dice: float
    iou: float
    nsd: float
    hd95_mm: float
    lesions: LesionCounts
    fn_ml: float
    fp_ml: float
    truth_ml: float
    prediction_ml: float

    @property
    def volume_error_ml(self) -> float:
        """Predicted less true volume, mL: above 0 where too much was predicted."""
        return self.prediction_ml - self.truth_ml

    @property
    def volume_error_relative(self) -> float:
        """Predicted less true volume over the true one, at least -1; NaN without a true one."""
        return self.volume_error_ml / self.truth_ml if self.truth_ml else nan


def score_volume(
    prediction: np.ndarray, truth: np.ndarray, spacing: Spacing, tolerance: float = TOLERANCE_MM
) -> VolumeScores:
    """Score one patient.

    NSD (Nikolov et al., 2021) is the share of both surfaces that lies within the tolerance of the other. A
    surface here is the mask's voxels with a face neighbour outside it, at their centres, each with one vote:
    MONAI's definition. DeepMind's `surface-distance` weighs surface elements between voxels by area.

    HD95 is the larger of the two directed 95th percentiles, MONAI's definition and the one Metrics Reloaded
    recommends; `cipa.evaluation.hd95` pools both directions, as MedPy and the published protocol do.

    Args:
        prediction: mask (Z, H, W); what is not 0 is tumour.
        truth: mask of the same shape.
        spacing: z, y, x in mm.
        tolerance: of NSD, mm, 0 or more.

    Returns:
        The scores.

    Raises:
        ValueError: the masks are not volumes of one shape.
    """
    if prediction.ndim != 3 or prediction.shape != truth.shape:
        raise ValueError(
            f"masks of shapes {prediction.shape} and {truth.shape}, expected one shape (Z, H, W)"
        )
    either = prediction.astype(bool) | truth.astype(bool)
    extent = hypot(*(step * count for step, count in zip(spacing, truth.shape, strict=True)))
    box = bounding_box(either) if either.any() else (slice(0, 1),) * 3
    prediction, truth = prediction[box].astype(bool), truth[box].astype(bool)
    counts, lesions = Counts.of(prediction, truth), match_lesions(prediction, truth)
    case = _case(counts)
    nsd, hd95_mm = _surface_scores(prediction, truth, spacing, tolerance, case, extent)
    voxel_ml = float(np.prod(spacing)) / 1000
    return VolumeScores(
        case=case,
        dice=1.0 if case == "empty" else counts.dice,
        iou=1.0 if case == "empty" else counts.iou,
        nsd=nsd,
        hd95_mm=hd95_mm,
        lesions=lesions,
        fn_ml=lesions.missed_voxels * voxel_ml,
        fp_ml=lesions.unfounded_voxels * voxel_ml,
        truth_ml=counts.true * voxel_ml,
        prediction_ml=counts.predicted * voxel_ml,
    )


def _case(counts: Counts) -> Case:
    if counts.true:
        return "scored" if counts.predicted else "missed"
    return "unfounded" if counts.predicted else "empty"


def _surface_scores(
    prediction: np.ndarray,
    truth: np.ndarray,
    spacing: Spacing,
    tolerance: float,
    case: Case,
    extent: float,
) -> tuple[float, float]:
    """Return NSD and HD95 in mm."""
    if case == "empty":
        return 1.0, 0.0
    if case != "scored":
        return 0.0, extent
    directed = surface_distances(prediction, truth, spacing)
    tolerance += ROUNDING
    near = sum(np.count_nonzero(distances <= tolerance) for distances in directed)
    nsd = near / sum(distances.size for distances in directed)
    return nsd, max(float(np.percentile(distances, PERCENTILE)) for distances in directed)
