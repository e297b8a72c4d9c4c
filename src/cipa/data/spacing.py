"""Voxel spacing of each patient: from a flag, or from the data set's metadata.json.

    {"spacing_mm": [3.27, 0.977, 0.977],                              for every patient, and
     "patients": {"0001": {"spacing_mm": [5.0, 1.17, 1.17]}}}         for one, instead of it

The order is z, y, x: between slices whose numbers follow each other, between rows, between columns, in
millimetres. PNG files carry none of it. Other keys are left to whoever wrote them.
"""

import json
import math
import os
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from cipa.data.metadata import METADATA, patient_entries, read_document
from cipa.errors import DataError, UsageError
from cipa.readers import excerpt

KEY = "spacing_mm"

SAME = 1e-3
"""Relative difference up to which a spacing typed by hand is the one in the file."""

SMALLEST_MM, LARGEST_MM = 1e-3, 1e3
"""Edges of a voxel that can be millimetres; NaN and infinity lie outside."""

Spacing = tuple[float, float, float]
"""z, y, x in millimetres."""


class SpacingUnknown(DataError):
    """The voxel spacing of a patient is not known."""


def find_spacings(
    root: str | os.PathLike[str], patients: Iterable[str], given: Iterable[float] | None = None
) -> dict[str, Spacing]:
    """Return the spacing of each patient.

    Args:
        root: the data set's folder, whose metadata.json is read if nothing is given.
        patients: the patients' ids.
        given: z, y, x in mm for all of them, where the file does not say it.

    Returns:
        Patient to z, y, x in mm.

    Raises:
        SpacingUnknown: nothing is given, and for some patient the file says nothing.
        UsageError: `given` is not three positive numbers, or not what the file says.
        DataError: the file is not JSON, or holds a spacing that is not three positive numbers.
    """
    names = sorted(set(patients))
    if given is not None:
        values = list(given)
        if not _is_spacing(values):
            shown = " ".join(f"{value:g}" for value in values)
            raise UsageError(f"--spacing {shown}: give z y x, three positive numbers of millimetres")
        _refuse_contradiction(Path(root), names, _spacing(values))
        return dict.fromkeys(names, _spacing(values))
    known = _read(Path(root))
    whole_set = known.pop("", None)
    found = {name: known.get(name, whole_set) for name in names}
    unknown = [name for name, spacing in found.items() if spacing is None]
    if unknown:
        others = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        raise SpacingUnknown(
            f"{Path(root) / METADATA}: no {KEY} of patient {unknown[0]}{others}; write it there as [z, y, x] "
            "or give --spacing Z Y X in mm"
        )
    return {name: spacing for name, spacing in found.items() if spacing is not None}


def _refuse_contradiction(root: Path, names: Iterable[str], given: Spacing) -> None:
    """Refuse a spacing that is not the one the data set was written with: every millimetre would be wrong."""
    known = _read(root)
    for name in names:
        stored = known.get(name, known.get(""))
        if stored is not None and not all(map(partial(math.isclose, rel_tol=SAME), given, stored)):
            one, other = (" ".join(f"{step:.6g}" for step in spacing) for spacing in (given, stored))
            raise UsageError(
                f"--spacing {one}: {root / METADATA} says {other} for the slices of patient {name}; leave "
                "--spacing out, or correct the file"
            )


def _read(root: Path) -> dict[str, Spacing]:
    """Return the spacings of a metadata file by patient, that of the whole set under the empty name."""
    document, path = read_document(root), root / METADATA
    spacings = {}
    for name, entry in {"": document, **patient_entries(document)}.items():
        if KEY not in entry:
            continue
        if not _is_spacing(entry[KEY]):
            of_whom = f"patient {excerpt(name)}" if name else "the data set"
            raise DataError(
                f"{path}: {KEY} of {of_whom} is {excerpt(json.dumps(entry[KEY]))}; write [z, y, x], three "
                "positive numbers of millimetres"
            )
        spacings[name] = _spacing(entry[KEY])
    return spacings


def _is_spacing(values: Any) -> bool:
    return (
        isinstance(values, list)
        and len(values) == 3
        and all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
        and all(SMALLEST_MM <= value <= LARGEST_MM for value in values)
    )


def _spacing(values: list[float]) -> Spacing:
    z, y, x = values
    return float(z), float(y), float(x)
