"""Rows to tables: seeds of a network pooled, intervals over patients, paired tests against the first row."""

import json
import math
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from cipa.evaluation.pooled import pooled_intervals
from cipa.evaluation.statistics import Interval, holm, paired_difference, spread
from cipa.report.quantities import QUANTITIES
from recipes.sts.rows import ROWS
from recipes.sts.run import COUNTS
from recipes.sts.thresholds import RULES

Row = dict[str, Any]

HEADS = ("", "seeds", "IoU % [95 %]", "seeds' IoU", "Dice %", "Acc %", "HD95 px")
"""Of the published protocol, pixels pooled."""

SHOWN = ("dice", "nsd", "hd95_mm", "lesion_f1", "volume_error_relative")


def read_rows(folder: Path, scored_on: str = "test patients") -> dict[str, list[Row]]:
    """Read every row.json below a folder: name to its seeds, in the order of `ROWS` and then of `RULES`.

    Each row also says where it was read: "folder".
    """
    found: defaultdict[str, list[Row]] = defaultdict(list)
    for path in sorted(folder.glob("*/row.json")):
        row = json.loads(path.read_text(encoding="utf-8"))
        if row["scored_on"] == scored_on:
            found[row["row"]].append(row | {"folder": path.parent})
    order = [*ROWS, *RULES]
    return {
        name: found[name]
        for name in sorted(found, key=lambda name: order.index(name) if name in order else 99)
    }


def scores_table(rows: dict[str, list[Row]]) -> str:
    """Return the published protocol's scores and the patient protocol's, a line a network."""
    shown = (f"{QUANTITIES[metric].label}, patient" for metric in SHOWN)
    heads = (*HEADS, *shown, "patient Dice against the first, p (Holm)")
    first = next(iter(rows.values()))
    differences = [
        paired_difference(_patients(seeds, "dice"), _patients(first, "dice")) for seeds in rows.values()
    ]
    corrected = [math.nan, *holm([difference.p for difference in differences[1:]])]
    lines = [_line(heads), "|---|" + "---:|" * (len(heads) - 1)]
    for (name, seeds), difference, p in zip(rows.items(), differences, corrected, strict=True):
        paired = "" if seeds is first else f"{QUANTITIES['dice'].interval(difference.mean, '+')}, {p:.3f}"
        lines.append(_line((name, *_scores(seeds), paired)))
    return "\n".join(lines)


def cost_table(rows: dict[str, list[Row]]) -> str:
    """Return what training cost, a line a network: means over seeds."""
    heads = ("", "parameters", "steps", "training s", "energy Wh", "peak GPU memory GiB", "on")
    lines = [_line(heads), "|---|" + "---:|" * (len(heads) - 2) + "---|"]
    for name, seeds in rows.items():
        if "cost" not in seeds[0]:
            continue
        cost = {key: _mean([row["cost"][key] for row in seeds]) for key in seeds[0]["cost"]}
        memory = None if cost["peak_memory_mib"] is None else cost["peak_memory_mib"] / 1024
        shown = (
            _number(cost["training_seconds"], 0),
            _number(cost["training_energy_wh"], 2),
            _number(memory, 1),
        )
        machine = seeds[0]["hardware"]["gpu"] or f"{seeds[0]['hardware']['processor']} (CPU)"
        lines.append(
            _line((name, f"{seeds[0]['parameters'] / 1e6:.2f} M", str(seeds[0]["steps"]), *shown, machine))
        )
    return "\n".join(lines) if len(lines) > 2 else ""


def stress_table(rows: dict[str, list[Row]]) -> str:
    """Return the pooled IoU of the harder slices beside that of the plain ones."""
    tried = {name: seeds for name, seeds in rows.items() if seeds[0].get("stress")}
    if not tried:
        return ""
    kinds = list(next(iter(tried.values()))[0]["stress"])
    lines = [_line(("IoU %", "as they are", *kinds)), "|---|" + "---:|" * (len(kinds) + 1)]
    for name, seeds in tried.items():
        plain = _mean([row["pooled"]["iou"] for row in seeds])
        under = [_mean([row["stress"][kind]["pooled"]["iou"] for row in seeds]) for kind in kinds]
        lines.append(
            _line((name, *(_number(100 * value, 1) for value in (plain, *under) if value is not None)))
        )
    return "\n".join(lines)


def patients_table(rows: dict[str, list[Row]]) -> str:
    """Return each patient's Dice by each network, the mean over seeds, and how large the tumour is."""
    first = next(iter(rows.values()))[0]["patients"]
    names = sorted(first)
    scores = {name: _patients(seeds, "dice") for name, seeds in rows.items()}
    heads = ("Dice % of a patient, mean of seeds", *names)
    lines = [_line(heads), "|---|" + "---:|" * len(names)]
    pixels = (str(first[name]["tp"] + first[name]["fn"]) for name in names)
    lines.append(_line(("pixels of tumour", *pixels)))
    for name, values in scores.items():
        lines.append(_line((name, *(_number(100 * value, 0) for value in values))))
    return "\n".join(lines)


def _scores(seeds: list[Row]) -> list[str]:
    pooled = pooled_intervals(_summed(seeds))
    ious = ", ".join(f"{100 * row['pooled']['iou']:.1f}" for row in seeds)
    hd95 = _mean([row["pooled"]["hd95"] for row in seeds])
    return [
        str(len(seeds)),
        QUANTITIES["iou"].interval(pooled["iou"]),
        ious,
        _number(100 * pooled["dice"].value, 1),
        _number(100 * pooled["acc"].value, 1),
        _number(hd95, 1),
        *(_of_patients(seeds, metric) for metric in SHOWN),
    ]


def _of_patients(seeds: list[Row], metric: str) -> str:
    mean: Interval = spread(_patients(seeds, metric)).mean
    return QUANTITIES[metric].interval(mean)


def _summed(seeds: list[Row]) -> list[Row]:
    """Return each patient's counts added up over seeds."""
    names = sorted(seeds[0]["patients"])
    return [{count: sum(row["patients"][name][count] for row in seeds) for count in COUNTS} for name in names]


def _patients(seeds: list[Row], metric: str) -> list[float]:
    """Return each patient's score, the mean over seeds; NaN where no seed has it."""
    names = sorted(seeds[0]["patients"])
    values = np.array([[row["patients"][name][metric] for row in seeds] for name in names], np.float64)
    known = np.isfinite(values)
    return [
        float(each[there].mean()) if there.any() else math.nan
        for each, there in zip(values, known, strict=True)
    ]


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _number(value: float | None, digits: int) -> str:
    return "-" if value is None or math.isnan(value) else f"{value:.{digits}f}"


def _line(cells: tuple[str, ...] | list[str]) -> str:
    return "| " + " | ".join(cells) + " |"
