"""What finished jobs scored, patient by patient, as CSV and as tables of a page.

Every row is of a patient that its network did not learn from: counts of the slices that show tumour, as
published, and Dice, false mL and lesions of the whole volume, all at probability 0.5 with nothing left out.
"""

import csv
import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from cipa.evaluation.pooled import pooled_intervals
from cipa.evaluation.statistics import holm, paired_difference, spread
from cipa.files import atomic_file
from cipa.report.quantities import QUANTITIES

COUNTS = ("tp", "fp", "fn")
SCORES = ("dice", "false_ml", "truth_ml", "lesions", "found", "predicted", "right")
RUN = ("network", "run", "parameters", "steps", "seconds", "gpu", "memory_mib")

Row = dict[str, Any]


def read_jobs(folders: Iterable[Path]) -> tuple[list[Row], list[Row]]:
    """Read OUT/NETWORK-RUN.json of finished jobs: rows of patients, and rows of runs."""
    patients, runs = [], []
    for path in sorted(path for folder in folders for path in folder.glob("*.json")):
        job = json.loads(path.read_text(encoding="utf-8"))
        scored = {**job.get("sts", {}), **job.get("test", {})}
        if not scored:
            continue
        network, _, run = job["name"].rpartition("-")
        runs.append({"network": network, "run": run} | {key: job.get(key, "") for key in RUN[2:]})
        for patient, cells in scored.items():
            plain = next(cell for cell in cells if (cell["threshold"], cell["smallest_ml"]) == (0.5, 0.0))
            own = {key: plain[key] for key in (*COUNTS, *SCORES)} | {"dice": round(plain["dice"], 4)}
            patients.append({"network": network, "run": run, "patient": patient} | own)
    return patients, runs


def read_csv(path: Path) -> list[Row]:
    """Read rows of patients that `write_csv` wrote."""
    with path.open(encoding="utf-8", newline="") as file:
        rows: list[Row] = list(csv.DictReader(file))
    for row in rows:
        row.update({key: int(row[key]) for key in COUNTS} | {key: float(row[key]) for key in SCORES})
    return rows


def write_csv(path: Path, rows: Sequence[Row]) -> None:
    """Write rows with the columns of the first."""
    with atomic_file(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def scores_table(rows: Sequence[Row]) -> str:
    """Return a line a network, in Markdown: pooled IoU and Dice, whole volumes, lesions."""
    heads = (
        "", "patients", "IoU %, tumour slices", "Dice %, tumour slices", "Dice %, whole volume, mean",
        "false mL, mean", "lesions found", "predicted lesions that are right",
    )  # fmt: skip
    lines = [_line(heads), "|---|" + "--:|" * (len(heads) - 1)]
    for network, own in by_network(rows).items():
        pooled = pooled_intervals([{key: row[key] for key in COUNTS} | {"tn": 0} for row in own])
        cells = [QUANTITIES[key].interval(pooled[key]) for key in ("iou", "dice")]
        cells.append(QUANTITIES["dice"].interval(spread([row["dice"] for row in own]).mean))
        cells.append(f"{sum(row['false_ml'] for row in own) / len(own):.1f}")
        cells += [f"{_sum(own, 'found')} of {_sum(own, 'lesions')}", _right(own)]
        lines.append(_line((network, str(len(own)), *cells)))
    return "\n".join(lines)


def pairs_table(rows: Sequence[Row], first: str) -> str:
    """Return each other network's Dice and false mL less those of `first`, on the patients of both.

    p is of Wilcoxon's signed-rank test on patients, Holm-corrected over the networks.
    """
    groups = {name: {row["patient"]: row for row in own} for name, own in by_network(rows).items()}
    lines = [_line((f"less {first}", "patients", "Dice %, whole volume", "p (Holm)", "false mL", "p (Holm)"))]
    lines.append("|---|" + "--:|" * 5)
    others = {name: own for name, own in groups.items() if name != first}
    found = {}
    for name, own in others.items():
        common = sorted(own.keys() & groups[first].keys())
        found[name] = [
            paired_difference([own[p][key] for p in common], [groups[first][p][key] for p in common])
            for key in ("dice", "false_ml")
        ]
    corrected = [holm([both[place].p for both in found.values()]) for place in (0, 1)]
    for place, (name, (dice, false)) in enumerate(found.items()):
        shown = QUANTITIES["dice"].interval(dice.mean, "+"), f"{corrected[0][place]:.3f}"
        volume = f"{false.mean.value:+.1f} [{false.mean.low:+.1f}, {false.mean.high:+.1f}]"
        lines.append(_line((name, str(dice.patients), *shown, volume, f"{corrected[1][place]:.3f}")))
    return "\n".join(lines)


def by_network(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Group rows by network, in their order.

    Raises:
        ValueError: a network scored a patient twice, so that the patient would weigh double.
    """
    groups: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if any(row["patient"] == other["patient"] for other in groups[row["network"]]):
            raise ValueError(f"{row['network']}: patient {row['patient']} is there twice; score a split once")
        groups[row["network"]].append(row)
    return dict(groups)


def _right(rows: Sequence[Row]) -> str:
    return f"{_sum(rows, 'right')} of {_sum(rows, 'predicted')}"


def _sum(rows: Sequence[Row], key: str) -> int:
    return round(sum(row[key] for row in rows))


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
