"""Scores of whole patients in three dimensions, for many levels and smallest lesions at once.

A map is cut at each level and its components are found once; what is left of them under any smallest volume
follows from their sizes. The numbers are those of `cipa.evaluation`: a lesion is found by any overlap, and
every predicted one that stays without one counts against.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from cipa.data.parallel import Run
from cipa.evaluation.counts import Counts
from cipa.evaluation.lesions import LesionCounts
from cipa.io.components import label_components

NAMES = ("dice", "lesion_f1", "lesion_sensitivity", "lesion_precision")


@dataclass(frozen=True)
class Case:
    """A map to cut, probability or grey, and the mask it should give, (S, H, W) each; the mL of a voxel."""

    values: np.ndarray
    truth: np.ndarray
    voxel_ml: float


def score_cases(
    run: Run, cases: Iterable[Case], levels: Sequence[float], smallest: Sequence[float]
) -> np.ndarray:
    """Score every case at every level and smallest lesion.

    Args:
        run: of `cipa.data.parallel.runner`; a case is handed to it as soon as it comes.
        cases: one or more.
        levels: values from which a voxel is tumour.
        smallest: volumes (mL) below which a lesion is left out.

    Returns:
        (cases, levels, smallest, 4), the last in the order of `NAMES`; NaN where a score is not defined.
    """
    found = dict(run(_score, ((place, case, levels, smallest) for place, case in enumerate(cases))))
    return np.stack([found[place] for place in range(len(found))])


def _score(job: tuple[int, Case, Sequence[float], Sequence[float]]) -> tuple[int, np.ndarray]:
    place, case, levels, smallest = job
    truth = np.zeros(case.truth.shape, np.int32)
    box, names, sizes = _components(case.truth > 0)
    truth[box] = names
    rows = [[*_rows(case.values >= level, truth, sizes, case.voxel_ml, smallest)] for level in levels]
    return place, np.array(rows)


def _components(mask: np.ndarray) -> tuple[tuple[slice, ...], np.ndarray, np.ndarray]:
    """Return the box that holds all of a mask, its components' numbers there, and their voxels."""
    box = next(iter(ndimage.find_objects(mask.view(np.uint8))), (slice(0, 0),) * mask.ndim)
    names, count = label_components(mask[box])
    return box, names, np.bincount(names.ravel(), minlength=count + 1)[1:]


def _rows(
    prediction: np.ndarray,
    truth: np.ndarray,
    true_sizes: np.ndarray,
    voxel_ml: float,
    smallest: Sequence[float],
) -> Iterator[list[float]]:
    """Yield the scores of a prediction without its components under each of the smallest volumes."""
    box, names, sizes = _components(prediction)
    shared = (names > 0) & (truth[box] > 0)
    meetings = np.zeros((len(sizes), len(true_sizes)), np.int64)
    np.add.at(meetings, (names[shared] - 1, truth[box][shared] - 1), 1)
    for least in smallest:
        kept = sizes * voxel_ml >= least
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
