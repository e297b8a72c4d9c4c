"""Several runs on one test set: each run's scores over patients, and how they differ from the first run's."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from cipa.evaluation.comparable import require_comparable
from cipa.evaluation.runs import Run
from cipa.evaluation.statistics import (
    FEWEST_FOR_INTERVAL,
    PairedDifference,
    Spread,
    holm,
    paired_difference,
    spread,
)


@dataclass(frozen=True)
class Entry:
    """One score of one run.

    Attributes:
        metric: the score.
        run: the run's name.
        spread: mean and median over patients.
        difference: to the first run, patient by patient; none for the first run itself.
        p_holm: the p-value corrected by Holm's method for the number of runs compared with the first.
    """

    metric: str
    run: str
    spread: Spread
    difference: PairedDifference | None
    p_holm: float | None


@dataclass(frozen=True)
class Comparison:
    """Runs on one test set.

    Attributes:
        runs: their names, the first being the one compared with.
        entries: by metric, then in the order of the runs.
        is_3d: whether patients were scored in 3-D and mm, or their pixels pooled.
        names: the patients, in the order of `scores`.
        scores: metric to run to each patient's score; NaN where a patient does not have it.
        slices: how many.
        tolerance: of NSD in mm, NaN where nothing was scored in 3-D.
        missed: run to its patients with tumour of whom nothing was predicted.
        unfounded: run to its patients without tumour of whom some was predicted.
        empty: run to its patients without tumour of whom none was predicted.
        about: run to what was scored, on what and when, as `Run.about`.
    """

    runs: list[str]
    entries: list[Entry]
    is_3d: bool
    names: list[str]
    scores: dict[str, dict[str, list[float]]]
    slices: int
    tolerance: float
    missed: dict[str, list[str]]
    unfounded: dict[str, list[str]]
    empty: dict[str, list[str]]
    about: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def has_intervals(self) -> bool:
        """Whether there are patients enough for intervals, quartiles and boxes."""
        return self.patients >= FEWEST_FOR_INTERVAL

    @property
    def patients(self) -> int:
        """How many patients."""
        return len(self.names)


def compare_runs(runs: Sequence[Run]) -> Comparison:
    """Compare runs with the first of them.

    Args:
        runs: two or more, on one test set.

    Returns:
        Every score of every run.

    Raises:
        DataError: they are not comparable (`require_comparable`).
    """
    require_comparable(runs)
    first = runs[0]
    names = sorted(first.patients)
    scores = {
        metric: {run.name: [run.patients[name][metric] for name in names] for run in runs}
        for metric in first.metrics
    }
    return Comparison(
        runs=[run.name for run in runs],
        entries=[entry for metric, by_run in scores.items() for entry in _entries(metric, by_run)],
        is_3d=first.is_3d,
        names=names,
        scores=scores,
        slices=len(first.slices),
        tolerance=first.tolerance,
        missed={run.name: run.missed for run in runs},
        unfounded={run.name: run.unfounded for run in runs},
        empty={run.name: run.empty for run in runs},
        about={run.name: run.about for run in runs},
    )


def _entries(metric: str, by_run: dict[str, list[float]]) -> list[Entry]:
    values = list(by_run.values())
    differences = [paired_difference(each, values[0]) for each in values[1:]]
    corrected = holm([difference.p for difference in differences])
    against_first = [(None, None), *zip(differences, corrected, strict=True)]
    return [
        Entry(metric, run, spread(scores), difference, p)
        for (run, scores), (difference, p) in zip(by_run.items(), against_first, strict=True)
    ]
