"""The protocol of the CIPA paper's tables: pixels of every slice pooled, HD95 averaged over slices.

IoU, Dice and Acc are taken once, from true and false positives and negatives added up over all slices. HD95
is MedPy's, in pixels, of each slice, then averaged. Its cases without a surface, where the paper's code has
an answer, follow that code:

| truth | prediction | HD95 of the slice |
|---|---|---|
| empty | empty | 0 |
| tumour | empty | distance to a single pixel at the centre, (256, 256) of a 512 x 512 slice |
| empty | tumour | NaN, left out of the mean and counted: the paper's code stops with an error there |

The stand-in pixel serves HD95 alone, never the pixel counts. In PCLT20K every slice holds tumour, so that the
last row does not arise there.
"""

import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from cipa.data.layout import patient_of
from cipa.evaluation.counts import Counts
from cipa.evaluation.hd95 import hd95

TUMOUR_ALONE_SCORED = (
    "every slice scored shows tumour: precision and false-positive volume do not hold for whole studies"
)

Row = dict[str, Any]
"""One line of a table: the name of a column to its value."""


@dataclass(frozen=True)
class PublishedResult:
    """Scores of a set of slices under the published protocol.

    Attributes:
        iou: intersection over union of the pooled pixels, in [0, 1] (NaN without any tumour).
        dice: Dice coefficient of the pooled pixels, in [0, 1].
        acc: mean of sensitivity and specificity of the pooled pixels, in [0, 1].
        hd95: mean HD95 over slices in pixels (NaN if no slice has one).
        slices: a row a slice, by id: slice, patient, tp, fp, fn, tn, iou, dice, hd95, truth_px,
            prediction_px.
        patients: a row a patient: patient, slices, the same counts and scores pooled within the patient, acc,
            and the mean HD95 of the patient's slices.
    """

    iou: float
    dice: float
    acc: float
    hd95: float
    slices: list[Row]
    patients: list[Row]

    @property
    def warnings(self) -> list[str]:
        """What a reader of the scores must know about the slices."""
        return [TUMOUR_ALONE_SCORED] if all(row["truth_px"] for row in self.slices) else []

    @property
    def missed(self) -> list[str]:
        """Ids of slices with tumour of which nothing was predicted: their HD95 is to the stand-in pixel."""
        return [row["slice"] for row in self.slices if row["truth_px"] and not row["prediction_px"]]

    @property
    def unfounded(self) -> list[str]:
        """Ids of slices without tumour where some was predicted: they are left out of the mean HD95."""
        return [row["slice"] for row in self.slices if row["prediction_px"] and not row["truth_px"]]


class PublishedProtocol:
    """Collects slices, in any order and from any number of processes, and scores them together.

    Holds a few numbers a slice and no masks. It pickles, so that processes can exchange theirs (for instance
    by `torch.distributed.all_gather_object`) and `merge` them.
    """

    def __init__(self, *, surfaces: bool = True) -> None:
        """Start empty.

        Args:
            surfaces: whether to take HD95, the slower part; without it every HD95 is NaN.
        """
        self._surfaces = surfaces
        self._scores: dict[str, tuple[Counts, float]] = {}

    def update(self, slice_id: str, prediction: np.ndarray, truth: np.ndarray) -> None:
        """Score one slice.

        Args:
            slice_id: "<patient>_<slice>"; a slice given again replaces the first, it never counts twice.
            prediction: bool or uint8 mask (H, W); what is not 0 is tumour.
            truth: mask of the same shape.

        Raises:
            ValueError: the shapes differ or are not two-dimensional.
        """
        if prediction.ndim != 2 or prediction.shape != truth.shape:
            shapes = f"{prediction.shape} and {truth.shape}"
            raise ValueError(
                f"{slice_id}: prediction and truth of shapes {shapes}, expected one shape (H, W)"
            )
        counts = Counts.of(prediction, truth)
        distance = slice_hd95(prediction, truth) if self._surfaces else math.nan
        self._scores[slice_id] = counts, distance

    def merge(self, other: "PublishedProtocol") -> None:
        """Take over the slices of another protocol; a slice that both scored counts once."""
        self._scores.update(other._scores)

    def result(self) -> PublishedResult:
        """Return the scores so far; the same for the same slices, whatever their order or origin."""
        scores = dict(sorted(self._scores.items()))
        patients: dict[str, list[str]] = {}
        for slice_id in scores:
            patients.setdefault(patient_of(slice_id), []).append(slice_id)
        pooled = _pool(counts for counts, _ in scores.values())
        return PublishedResult(
            iou=pooled.iou,
            dice=pooled.dice,
            acc=pooled.acc,
            hd95=_mean(distance for _, distance in scores.values()),
            slices=[_slice_row(slice_id, *score) for slice_id, score in scores.items()],
            patients=[_patient_row(name, [scores[each] for each in ids]) for name, ids in patients.items()],
        )


def slice_hd95(prediction: np.ndarray, truth: np.ndarray) -> float:
    """Return HD95 of one slice in pixels, with the published values for empty masks (the module's table).

    Args:
        prediction: mask (H, W); what is not 0 is tumour.
        truth: mask of the same shape.
    """
    found, exists = prediction.any(), truth.any()
    if not found and not exists:
        return 0.0
    if not exists:
        return math.nan
    if not found:
        prediction = np.zeros(truth.shape, bool)
        prediction[truth.shape[0] // 2, truth.shape[1] // 2] = True
    return hd95(prediction, truth)


def _pool(counts: Iterable[Counts]) -> Counts:
    return sum(counts, Counts())


def _mean(distances: Iterable[float]) -> float:
    known = [distance for distance in distances if not math.isnan(distance)]
    return math.fsum(known) / len(known) if known else math.nan


def _slice_row(slice_id: str, counts: Counts, distance: float) -> Row:
    return {
        "slice": slice_id,
        "patient": patient_of(slice_id),
        **asdict(counts),
        "iou": counts.iou,
        "dice": counts.dice,
        "hd95": distance,
        "truth_px": counts.true,
        "prediction_px": counts.predicted,
    }


def _patient_row(name: str, scores: list[tuple[Counts, float]]) -> Row:
    counts = _pool(counts for counts, _ in scores)
    return {
        "patient": name,
        "slices": len(scores),
        **asdict(counts),
        "iou": counts.iou,
        "dice": counts.dice,
        "acc": counts.acc,
        "hd95": _mean(distance for _, distance in scores),
        "truth_px": counts.true,
        "prediction_px": counts.predicted,
    }
