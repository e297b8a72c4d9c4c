"""The grey scale of a data set, from its metadata.json; weights fit only the scale they were trained on.

    {"size": 512, "ct_window_hu": [-1200.0, 200.0], "suv_max": 20.0, "pet_scaling": "linear"}

An entry of a patient goes before that of the whole set, as for the spacing (`cipa.data.spacing`).
"""

import json
import math
import os
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from cipa.data.metadata import METADATA, patient_entries, read_document
from cipa.errors import DataError
from cipa.modalities import PET_SCALINGS
from cipa.readers import excerpt, is_number

KEYS = {"image_size": "size", "ct_window": "ct_window_hu", "suv_max": "suv_max", "pet_scaling": "pet_scaling"}
"""What the file calls each."""


@dataclass(frozen=True)
class GreyScale:
    """Grey scale of a data set; None for what its metadata does not say.

    Attributes:
        image_size: side of the images in pixels.
        ct_window: HU that are grey 0 and 255.
        suv_max: SUV that is grey 255.
        pet_scaling: of `cipa.data.intensity.PET_SCALINGS`.
    """

    image_size: int | None = None
    ct_window: tuple[float, float] | None = None
    suv_max: float | None = None
    pet_scaling: str | None = None


def read_grey_scale(root: str | os.PathLike[str], patients: Iterable[str]) -> GreyScale:
    """Read the scale that some patients of a data set share.

    Args:
        root: the data set's folder.
        patients: their ids.

    Returns:
        The scale; empty without metadata.json.

    Raises:
        DataError: the file is damaged, a value impossible, or patients were stored by different scales.
    """
    path, document = Path(root) / METADATA, read_document(root)
    entries, names = patient_entries(document), sorted(set(patients))
    found: dict[str, Any] = {}
    for name, key in KEYS.items():
        values = {patient: entries.get(patient, {}).get(key, document.get(key)) for patient in names}
        distinct = {json.dumps(values[patient]): patient for patient in reversed(names)}
        if len(distinct) > 1:
            (one, first), (two, second) = sorted(distinct.items(), key=lambda item: item[1])[:2]
            raise DataError(
                f"{path}: mixed {key}: {one} of patient {first}, {two} of {second}; convert them with one"
            )
        value = next(iter(values.values()), document.get(key))
        found[name] = None if value is None else _check(name, value, path)
    return GreyScale(**found)


def require_scale(
    config: Any, root: str | os.PathLike[str], patients: Iterable[str], weights: object
) -> None:
    """Refuse a data set whose grey scale differs from the one the weights were trained on.

    Args:
        config: of the network.
        root: the data set's folder.
        patients: its patients that are to be segmented.
        weights: what to call the weights.

    Raises:
        DataError: they differ, or as `read_grey_scale`. What the metadata does not say is not judged.
    """
    stored = read_grey_scale(root, patients)
    for item in fields(GreyScale):
        if item.name == "image_size":  # the images say that themselves
            continue
        has, learnt = getattr(stored, item.name), getattr(config, item.name, None)
        if None not in (has, learnt) and not same_value(has, learnt):
            raise DataError(
                f"{root}: stored with {KEYS[item.name]} {show(has)}, but {weights} learnt from "
                f"{show(learnt)}; convert the volumes again with that, or use other weights"
            )


def same_value(one: Any, other: Any) -> bool:
    """Say whether two values of a scale are the same, numbers to a millionth."""
    if isinstance(one, str) or isinstance(other, str):
        return bool(one == other)
    ones, others = ([value] if isinstance(value, int | float) else list(value) for value in (one, other))
    return len(ones) == len(others) and all(
        math.isclose(a, b, rel_tol=1e-6, abs_tol=1e-6) for a, b in zip(ones, others, strict=True)
    )


def show(value: Any) -> str:
    """Return a value of a scale as a user would type it."""
    if isinstance(value, list | tuple):
        return " ".join(f"{each:g}" for each in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def _check(name: str, value: Any, path: Path) -> Any:
    numbers = value if isinstance(value, list) else [value]
    numeric = all(map(is_number, numbers))
    if (
        name == "ct_window"
        and isinstance(value, list)
        and len(value) == 2
        and numeric
        and value[0] < value[1]
    ):
        return float(value[0]), float(value[1])
    if name == "suv_max" and numeric and len(numbers) == 1 and not isinstance(value, list) and value > 0:
        return float(value)
    if name == "image_size" and isinstance(value, int) and numeric and value > 0:
        return value
    if name == "pet_scaling" and value in PET_SCALINGS:
        return value
    raise DataError(
        f"{path}: {KEYS[name]} is {excerpt(json.dumps(value))}; mend it, or convert the volumes again"
    )
