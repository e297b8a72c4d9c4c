"""Reads evaluation folders back: patients, truth, scores."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cipa.data.layout import patient_of
from cipa.errors import DataError, UsageError
from cipa.evaluation.patient import METRICS
from cipa.evaluation.patient_tables import PER_PATIENT_3D, SUMMARY_KEY
from cipa.evaluation.tables import SUMMARY
from cipa.readers import excerpt, is_number, read_csv, read_json

POOLED_METRICS = ("dice", "iou", "acc", "hd95")
"""Scores of per_patient.csv: the pixels of a patient's slices pooled, HD95 in pixels."""

PIXELS = ("tp", "fp", "fn", "tn")
"""Columns of per_slice.csv: pixels of tumour and of none, in prediction and truth."""

AGAIN = "evaluate again"

MOST = 1e12
"""Larger than any score or count in a table."""

AXES = ("spacing_z_mm", "spacing_y_mm", "spacing_x_mm")

ABOUT = (
    "weights",
    "pet_threshold",
    "masks",
    "variant",
    "image_size",
    "inputs",
    "threshold",
    "precision",
    "data",
    "list",
    "date",
    "cipa",
)
"""What a summary says of how a run was made, in the order it is shown."""

Table = dict[str, dict[str, float]]
"""Key of a row to its numbers by column; NaN where a cell is empty."""


@dataclass(frozen=True)
class Run:
    """One evaluation folder.

    Attributes:
        name: what tables call it.
        is_3d: whether the patients were scored in 3-D and mm, or their pixels pooled.
        slices: slice id to its pixels in all (`size`), of tumour in the truth (`truth`) and in the prediction
            (`predicted`).
        patients: patient to its scores by metric, in 3-D with the `AXES` as well.
        tolerance: of NSD, mm; NaN where nothing was scored in 3-D.
        about: what was scored, on what and when, as summary.json says it; nothing that is not plain text or a
            number.
    """

    name: str
    is_3d: bool
    slices: Table
    patients: Table
    tolerance: float
    about: dict[str, str] = field(default_factory=dict)

    @property
    def metrics(self) -> tuple[str, ...]:
        """The scores that its patients have."""
        return METRICS if self.is_3d else POOLED_METRICS

    @property
    def missed(self) -> list[str]:
        """Patients with tumour of whom nothing was predicted."""
        return sorted(self._holding("truth") - self._holding("predicted"))

    @property
    def unfounded(self) -> list[str]:
        """Patients without tumour of whom some was predicted."""
        return sorted(self._holding("predicted") - self._holding("truth"))

    @property
    def empty(self) -> list[str]:
        """Patients without tumour of whom none was predicted: they get full marks by convention."""
        everyone = {patient_of(slice_id) for slice_id in self.slices}
        return sorted(everyone - self._holding("truth") - self._holding("predicted"))

    def _holding(self, mask: str) -> set[str]:
        return {patient_of(slice_id) for slice_id, pixels in self.slices.items() if pixels[mask]}


def read_runs(folders: Sequence[Path]) -> list[Run]:
    """Read evaluation folders.

    Args:
        folders: as `cipa evaluate` wrote them; they are named by their last part where that tells them
            apart, else in full.

    Returns:
        A run a folder, in the order given.

    Raises:
        UsageError: fewer than two folders, or one twice.
        DataError: a folder is no evaluation, or a table in it is damaged.
    """
    if len(folders) < 2:
        raise UsageError(
            f"{len(folders)} run: give two evaluation folders or more, the first to compare with"
        )
    locations = [folder.resolve() for folder in folders]
    for index, location in enumerate(locations):
        if location in locations[:index]:
            raise UsageError(f"{folders[index]}: given twice; give each evaluation once")
    names = [location.name for location in locations]
    if len(set(names)) < len(names):
        names = [str(folder) for folder in folders]
    return [_read_run(folder, name) for folder, name in zip(folders, names, strict=True)]


def _read_run(folder: Path, name: str) -> Run:
    counts = _read_table(folder / "per_slice.csv", "slice", PIXELS)
    slices = {
        slice_id: {
            "truth": row["tp"] + row["fn"],
            "predicted": row["tp"] + row["fp"],
            "size": sum(row[column] for column in PIXELS),
        }
        for slice_id, row in counts.items()
    }
    if (folder / PER_PATIENT_3D).is_file():
        patients = _read_table(folder / PER_PATIENT_3D, "patient", (*METRICS, *AXES))
        tolerance = _read_tolerance(folder / SUMMARY)
        return Run(name, True, slices, patients, tolerance, _read_about(folder / SUMMARY))
    patients = _read_table(folder / "per_patient.csv", "patient", POOLED_METRICS)
    return Run(name, False, slices, patients, math.nan, _read_about(folder / SUMMARY))


def _read_table(path: Path, key: str, columns: Sequence[str]) -> Table:
    table: Table = {}
    for line, row in read_csv(
        path, (key, *columns), "give folders that `cipa evaluate` of this version wrote"
    ):
        name = row[key]
        if not name.isprintable() or not name or name in table:
            raise DataError(
                f"{path}, line {line}: {key} '{excerpt(name)}' is empty, doubled or no text; {AGAIN}"
            )
        table[name] = {column: _number(path, line, column, row[column]) for column in columns}
    if not table:
        raise DataError(f"{path}: a table without rows; evaluate again")
    return table


def _read_about(path: Path) -> dict[str, str]:
    """Return what the summary says beside scores; nothing where it cannot be read, as no score needs it."""
    try:
        summary = read_json(path, AGAIN)
    except DataError:
        return {}
    if not isinstance(summary, dict):
        return {}
    return {name: f"{summary[name]}" for name in ABOUT if isinstance(summary.get(name), str | int | float)}


def _read_tolerance(path: Path) -> float:
    summary = read_json(path, "evaluate again with --spacing")
    try:
        tolerance = summary[SUMMARY_KEY]["tolerance_mm"]
    except (LookupError, TypeError) as error:
        raise DataError(f"{path}: says no tolerance of NSD; evaluate again with --spacing") from error
    if not is_number(tolerance):
        raise DataError(f"{path}: says no tolerance of NSD; evaluate again with --spacing")
    if not tolerance >= 0:
        raise DataError(f"{path}: a tolerance of NSD of {tolerance:g} mm; evaluate again with --spacing")
    return float(tolerance)


def _number(path: Path, line: int, column: str, cell: str) -> float:
    """Return what a cell says, NaN where it is empty; no score or count is infinite."""
    try:
        value = float(cell) if cell else math.nan
    except ValueError as error:
        raise DataError(f"{path}, line {line}: {column} '{excerpt(cell)}' is no number; {AGAIN}") from error
    if abs(value) > MOST:
        raise DataError(f"{path}, line {line}: {column} '{excerpt(cell)}' is no score; {AGAIN}")
    if column in PIXELS and not (value >= 0 and value.is_integer()):
        raise DataError(f"{path}, line {line}: {column} '{excerpt(cell)}' is no count of pixels; {AGAIN}")
    return value
