"""Whether runs were scored on the same slices against the same truth; else they cannot be compared."""

import math
from collections.abc import Collection, Sequence

from cipa.errors import DataError
from cipa.evaluation.patient_tables import PER_PATIENT_3D
from cipa.evaluation.runs import AXES, Run


def require_comparable(runs: Sequence[Run]) -> None:
    """Refuse runs that were not scored on the same slices against the same truth.

    Args:
        runs: two or more; each is compared with the first.

    Raises:
        DataError: a run lacks slices or patients of another, was scored against another truth, on another
            grid, with another spacing or tolerance, or not in 3-D where another was. Names the run and the
            first slice or patient.
    """
    first = runs[0]
    for run in runs[1:]:
        _require_same_slices(first, run)
        _require_same_kind(first, run)
        if run.is_3d:
            _require_same_space(first, run)
    for run in runs:
        _require_all(f"{run.name}: no scores of patient", first.patients, run.patients)


def _require_same_slices(first: Run, run: Run) -> None:
    _require_all(f"{run.name}: no prediction of slice", first.slices, run.slices, f"which {first.name} has")
    _require_all(f"{first.name}: no prediction of slice", run.slices, first.slices, f"which {run.name} has")
    for slice_id, expected in first.slices.items():
        found = run.slices[slice_id]
        if found["size"] != expected["size"]:
            raise DataError(
                f"{run.name}: slice {slice_id} has {found['size']:.0f} pixels, {expected['size']:.0f} in "
                f"{first.name}; evaluate both on the same grid"
            )
        if found["truth"] != expected["truth"]:
            raise DataError(
                f"{run.name}: slice {slice_id} has {found['truth']:.0f} pixels of true tumour, "
                f"{expected['truth']:.0f} in {first.name}; evaluate both against the same masks"
            )


def _require_same_kind(first: Run, run: Run) -> None:
    if run.is_3d != first.is_3d:
        without, having = (first, run) if run.is_3d else (run, first)
        raise DataError(
            f"{without.name}: no {PER_PATIENT_3D}, which {having.name} has; evaluate it again with --spacing"
        )


def _require_same_space(first: Run, run: Run) -> None:
    if run.tolerance != first.tolerance:
        raise DataError(
            f"{run.name}: NSD at {run.tolerance:g} mm, at {first.tolerance:g} mm in {first.name}; evaluate "
            "both with one --tolerance"
        )
    for patient in first.patients.keys() & run.patients.keys():
        for axis in AXES:
            found, expected = run.patients[patient][axis], first.patients[patient][axis]
            if not math.isclose(found, expected, rel_tol=1e-4):  # tables have six digits
                raise DataError(
                    f"{run.name}: {axis} of patient {patient} is {found:g}, {expected:g} in {first.name}; "
                    "evaluate both with one spacing"
                )


def _require_all(what: str, wanted: Collection[str], there: Collection[str], why: str = "") -> None:
    absent = sorted(set(wanted) - set(there))
    if absent:
        others = f" and {len(absent) - 1} more" if len(absent) > 1 else ""
        reason = f", {why}" if why else ""
        raise DataError(f"{what} {absent[0]}{others}{reason}; evaluate all runs on the same list")
