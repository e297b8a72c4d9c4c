"""What finished jobs scored: pooled over all folds of a name before its last dash."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np


def show(out: Path) -> None:
    """Print a line a name: out-of-fold pooled IoU, whole-volume Dice and false mL, as they are and at their best."""
    groups: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for path in sorted(out.glob("*.json")):
        job = json.loads(path.read_text())
        if "losses" in job:
            groups[job["name"].rpartition("-")[0] or job["name"]].append(job)
    print(
        "| run | jobs | steps | patients | IoU 0.5 | Dice 0.5 | false mL | best | IoU | Dice | false mL | F1 |"
    )
    for name, jobs in groups.items():
        for kind in ("sts", "phantoms"):
            rows = [each for job in jobs for each in job.get(kind, {}).values()]
            if rows:
                print(_line(f"{name} {kind}", jobs, rows))


def _line(name: str, jobs: list[dict[str, Any]], rows: list[list[dict[str, float]]]) -> str:
    values = {key: np.array([[cell[key] for cell in row] for row in rows], float) for key in rows[0][0]}
    tp, fp, fn = (values[key].sum(0) for key in ("tp", "fp", "fn"))
    iou, dice, false = tp / (tp + fp + fn), values["dice"].mean(0), values["false_ml"].mean(0)
    right = (
        2
        * values["found"].sum(0)
        / (
            values["lesions"].sum(0)
            + values["predicted"].sum(0)
            - values["right"].sum(0)
            + values["found"].sum(0)
        )
    )
    plain = next(i for i, c in enumerate(rows[0]) if c["threshold"] == 0.5 and c["smallest_ml"] == 0)
    best = int(np.argmax(dice))
    cell = rows[0][best]
    return (
        f"| {name} | {len(jobs)} | {np.mean([job['steps'] for job in jobs]):.0f} | {len(rows)} | {iou[plain]:.3f} | "
        f"{dice[plain]:.3f} | {false[plain]:.1f} | {cell['threshold']:g}, {cell['smallest_ml']:g} mL | {iou[best]:.3f} | "
        f"{dice[best]:.3f} | {false[best]:.1f} | {right[best]:.3f} |"
    )
