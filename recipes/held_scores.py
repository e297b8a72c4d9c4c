"""Scores of whole patients in three dimensions, for many levels and least lesions at once.

A map is cut at each level and its components are found once; what is left of them under any least volume and
length follows from their sizes. The numbers are those of `cipa.evaluation`: a lesion is found by any overlap,
and every predicted one that stays without one counts against.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from cipa.evaluation.counts import Counts
from cipa.evaluation.lesions import LesionCounts
from cipa.io.components import label_components
from cipa.parallel import Run

Least = tuple[float, float]
"""The volume (mL) and the length across slices (mm) that a lesion must have."""

NAMES = ("dice", "lesion_f1", "lesion_sensitivity", "lesion_precision")


@dataclass(frozen=True)
class Case:
    """A map to cut, probability or grey, and the mask it should give, (S, H, W) each; mm in z, y and x."""

    values: np.ndarray
    truth: np.ndarray
    spacing: tuple[float, float, float]


def score_cases(
    run: Run, cases: Iterable[Case], levels: Sequence[float], leasts: Sequence[Least]
) -> np.ndarray:
    """Score every case at every level and least lesion.

    Args:
        run: of `cipa.parallel.runner`; a case is handed to it as soon as it comes.
        cases: one or more.
        levels: values from which a voxel is tumour.
        leasts: volumes (mL) and lengths across slices (mm) below which a lesion is left out, pair by pair.

    Returns:
        (cases, levels, leasts, 4), the last in the order of `NAMES`; NaN where a score is not defined.
    """
    found = dict(run(_score, ((place, case, levels, leasts) for place, case in enumerate(cases))))
    return np.stack([found[place] for place in range(len(found))])


def _score(job: tuple[int, Case, Sequence[float], Sequence[Least]]) -> tuple[int, np.ndarray]:
    place, case, levels, leasts = job
    truth = np.zeros(case.truth.shape, np.int32)
    box, names, sizes = _components(case.truth > 0)
    truth[box] = names
    rows = [[*_rows(case.values >= level, truth, sizes, case.spacing, leasts)] for level in levels]
    return place, np.array(rows)


def _components(mask: np.ndarray) -> tuple[tuple[slice, ...], np.ndarray, np.ndarray]:
    """Return a box that holds all of a mask, its components' numbers there, and their voxels."""
    box = next(iter(ndimage.find_objects(mask.view(np.uint8))), (slice(0, 1),) * mask.ndim)
    names, count = label_components(mask[box])
    return box, names, np.bincount(names.ravel(), minlength=count + 1)[1:]


def _rows(
    prediction: np.ndarray,
    truth: np.ndarray,
    true_sizes: np.ndarray,
    spacing: tuple[float, float, float],
    leasts: Sequence[Least],
) -> Iterator[list[float]]:
    """Yield the scores of a prediction without its components under each of the least volumes and lengths."""
    box, names, sizes = _components(prediction)
    shared = (names > 0) & (truth[box] > 0)
    meetings = np.zeros((len(sizes), len(true_sizes)), np.int64)
    np.add.at(meetings, (names[shared] - 1, truth[box][shared] - 1), 1)
    volumes = sizes * (math.prod(spacing) / 1000)
    boxes = ndimage.find_objects(names)
    lengths = np.array([each[0].stop - each[0].start for each in boxes], float) * spacing[0]
    for smallest_ml, shortest_mm in leasts:
        kept = (volumes >= smallest_ml) & (lengths >= shortest_mm)
        met, right, predicted = meetings[kept].sum(axis=0), meetings[kept].sum(axis=1), sizes[kept]
        lesions = LesionCounts(
            true=len(true_sizes),
            found=int(np.count_nonzero(met)),
            predicted=len(predicted),
            right=int(np.count_nonzero(right)),
            missed_voxels=int(true_sizes[met == 0].sum()),
            unfounded_voxels=int(predicted[right == 0].sum()),
        )
        tp = int(met.sum())
        dice = Counts(tp, int(predicted.sum()) - tp, int(true_sizes.sum()) - tp).dice
        yield [dice, lesions.f1, lesions.sensitivity, lesions.precision]
