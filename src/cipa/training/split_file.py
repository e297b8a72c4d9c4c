"""split.json of a run: which patients it was trained on, validated on, and never saw.

{"fold": "2/5", "training": ["0001", ...], "validation": ["0004"], "left_out": ["0002", ...]}
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cipa.data.layout import patient_of
from cipa.files import atomic_file


def write_split(
    path: Path, fold: str | None, training: Iterable[str], validation: Iterable[str], left_out: Iterable[str]
) -> None:
    """Write a run's split.

    Args:
        path: final name.
        fold: as `--fold` has it, or None.
        training: ids of the slices learnt from.
        validation: ids of the slices validated on.
        left_out: patients of the fold.

    Raises:
        OSError: the file cannot be written.
    """
    document: dict[str, Any] = {
        "fold": fold,
        "training": sorted({patient_of(slice_id) for slice_id in training}),
        "validation": sorted({patient_of(slice_id) for slice_id in validation}),
        "left_out": sorted(left_out),
    }
    with atomic_file(path) as partial:
        partial.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
