"""Out-of-fold scores: every patient by the runs that never saw it, all patients in one table.

A run says in its split.json which patients it left out (`cipa train --fold K/N`). Runs that left out the same
patients, of other seeds for instance, are an ensemble for them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cipa.errors import DataError, UsageError
from cipa.readers import excerpt, read_json_object

SPLIT = "split.json"


@dataclass(frozen=True)
class Fold:
    """Patients, and the runs that score them.

    Attributes:
        patients: left out by all of these runs.
        weights: the runs, or folders of weights in them, as given.
    """

    patients: tuple[str, ...]
    weights: tuple[str, ...]


def read_folds(weights: Sequence[str], patients: Iterable[str]) -> list[Fold]:
    """Find which run scores whom.

    Args:
        weights: runs, or folders of weights in them.
        patients: everybody who is to be scored.

    Returns:
        Folds that share out the patients, in the order of `weights`.

    Raises:
        UsageError: a run is given twice.
        DataError: a run left nobody out, left out patients who are not to be scored or learnt from another
            list, two runs left out some of the same patients but not all, or a patient was left out by none.
    """
    wanted, folds = set(patients), dict[tuple[str, ...], list[str]]()
    if len({Path(one).resolve() for one in weights}) < len(weights):
        raise UsageError("--weights: a run is given twice; give each once")
    for one in weights:
        left_out = _read_left_out(one)
        absent = [patient for patient in left_out if patient not in wanted]
        if absent:
            raise DataError(f"{one}: left out patient {absent[0]}, who is not in this list; give its data")
        folds.setdefault(left_out, []).append(one)
    owner: dict[str, str] = {}
    for left_out, runs in folds.items():
        for patient in left_out:
            if patient in owner:
                raise DataError(
                    f"{runs[0]}: left out patient {patient}, as {owner[patient]} did, but not the same "
                    "patients; give runs of one set of folds"
                )
            owner[patient] = runs[0]
    unseen = sorted(wanted - owner.keys())
    if unseen:
        more = f" and {len(unseen) - 1} more" if len(unseen) > 1 else ""
        raise DataError(f"patient {unseen[0]}{more}: no run left them out; give the run of every fold")
    return [Fold(left_out, tuple(runs)) for left_out, runs in folds.items()]


def _read_left_out(weights: str) -> tuple[str, ...]:
    folder = Path(weights)
    path = next((each for each in (folder / SPLIT, folder.parent / SPLIT) if each.is_file()), folder / SPLIT)
    document = read_json_object(path, "give runs that `cipa train --fold` made")
    left_out = document.get("left_out")
    if not isinstance(left_out, list) or not all(isinstance(each, str) for each in left_out):
        raise DataError(f"{path}: no split of a run (left_out {excerpt(left_out)}); train it again")
    if not left_out:
        raise DataError(f"{weights}: left no patient out; give runs that `cipa train --fold` made")
    return tuple(left_out)
