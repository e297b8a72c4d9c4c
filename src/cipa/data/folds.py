"""Folds for cross-validation: patients are dealt out so that folds have tumours of like number and size.

Patients are ranked by tumour size and dealt out to and fro, as teams are picked: 1 2 3 3 2 1 1 2 3. Equal
sizes are ranked by a hash of the name, so that the folds are the same on every machine and in every order.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence

from cipa.data.layout import patient_of
from cipa.errors import DataError, UsageError
from cipa.text import plural


def parse_fold(text: str) -> tuple[int, int]:
    """Read "2/5", the second of five folds, as (2, 5).

    Raises:
        UsageError: it is no such text, or there is no such fold.
    """
    match = re.fullmatch(r"(\d+)/(\d+)", text)
    fold, folds = (int(match[1]), int(match[2])) if match else (0, 0)
    if not (folds >= 2 and 1 <= fold <= folds):
        raise UsageError(f"--fold {text} is not possible: it must be as 2/5, the second of five folds")
    return fold, folds


def sizes_of_patients(ids: Sequence[str], tumour_pixels: Sequence[int]) -> dict[str, int]:
    """Add up the tumour pixels of each patient's slices."""
    sizes: dict[str, int] = {}
    for slice_id, pixels in zip(ids, tumour_pixels, strict=True):
        sizes[patient_of(slice_id)] = sizes.get(patient_of(slice_id), 0) + pixels
    return sizes


def deal_folds(sizes: Mapping[str, int], folds: int) -> list[list[str]]:
    """Deal patients out to folds.

    Args:
        sizes: patient to tumour size, in any unit.
        folds: how many, 2 or more.

    Returns:
        Patients of each fold, sorted.

    Raises:
        UsageError: there are fewer patients than folds.
        DataError: a fold has no tumour in it.
    """
    if len(sizes) < folds:
        raise UsageError(
            f"{folds} folds of {plural(len(sizes), 'patient')}: give as many folds as patients at most"
        )
    ranked = sorted(sizes, key=lambda patient: (-sizes[patient], hashlib.sha256(patient.encode()).digest()))
    order = [*range(folds), *reversed(range(folds))]
    dealt: list[list[str]] = [[] for _ in range(folds)]
    for place, patient in enumerate(ranked):
        dealt[order[place % len(order)]].append(patient)
    for number, patients in enumerate(dealt, start=1):
        if not any(sizes[patient] for patient in patients):
            raise DataError(
                f"fold {number}/{folds}: none of its {len(patients)} patients has tumour; use fewer folds"
            )
    return [sorted(patients) for patients in dealt]
