"""A validation set held out of the training list, by patient.

PCLT20K has no validation set, and the published code chooses its checkpoint on the test set. Neighbouring
slices of one patient are near copies of each other, so that only a hold-out by patient measures anything.
"""

import hashlib
from collections.abc import Sequence

from cipa.data.layout import patient_of
from cipa.errors import DataError, UsageError


def hold_out(ids: Sequence[str], fraction: float, seed: int) -> tuple[list[str], list[str]]:
    """Split slices into training and validation so that no patient is in both.

    Patients are ranked by a hash of seed and name: the choice is the same on every machine and with every
    version of every library, does not depend on the order of `ids`, and moves little when patients are added.

    Args:
        ids: slice ids.
        fraction: share of the patients (not of the slices) to hold out, in [0, 1), rounded to whole patients;
            above 0 it is at least one, and one is always left to train on.
        seed: chooses another set of patients.

    Returns:
        Ids to train on and ids to validate on, each in the order of `ids`.

    Raises:
        UsageError: `fraction` is outside [0, 1).
        DataError: a hold-out is asked for and there are fewer than two patients.
    """
    if not 0 <= fraction < 1:
        raise UsageError(f"validation fraction {fraction:g}: give a value from 0 to below 1, as in 0.1")
    patients = {patient_of(slice_id) for slice_id in ids}
    if fraction > 0 and len(patients) < 2:
        raise DataError(
            f"{len(patients)} patient in the training list: holding some out needs two; set the fraction to 0"
        )
    ranked = sorted(patients, key=lambda patient: _rank(patient, seed))
    count = 0 if fraction == 0 else min(max(1, round(fraction * len(patients))), len(patients) - 1)
    held = set(ranked[:count])
    training = [slice_id for slice_id in ids if patient_of(slice_id) not in held]
    validation = [slice_id for slice_id in ids if patient_of(slice_id) in held]
    return training, validation


def _rank(patient: str, seed: int) -> bytes:
    return hashlib.sha256(f"{seed}/{patient}".encode()).digest()
