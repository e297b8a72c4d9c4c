"""What finished jobs scored: pooled over all folds of a name before its last dash."""

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

HEADS = "| run | jobs | steps | patients | IoU | Dice | false mL | best at | IoU | Dice | false mL | F1 |"


def show(out: Path) -> None:
    """Print a line a name: pooled IoU, Dice of volumes and false mL, plain and where that Dice is best."""
    groups: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for path in sorted(out.glob("*.json")):
        job = json.loads(path.read_text())
        if "losses" in job:
            groups[job["name"].rpartition("-")[0] or job["name"]].append(job)
    print(HEADS)
    for name, jobs in groups.items():
        for kind in ("sts", "phantoms"):
            rows = [each for job in jobs for each in job.get(kind, {}).values()]
            if rows:
                print(_line(f"{name} {kind}", jobs, rows))


def _line(name: str, jobs: list[dict[str, Any]], rows: list[list[dict[str, float]]]) -> str:
    values = {key: np.array([[cell[key] for cell in row] for row in rows], float) for key in rows[0][0]}
    tp, fp, fn = (values[key].sum(0) for key in ("tp", "fp", "fn"))
    iou, dice, false = tp / (tp + fp + fn), values["dice"].mean(0), values["false_ml"].mean(0)
    sensitivity = values["found"].sum(0) / values["lesions"].sum(0)
    precision = values["right"].sum(0) / np.maximum(1, values["predicted"].sum(0))
    f1 = 2 * sensitivity * precision / np.maximum(1e-9, sensitivity + precision)
    plain = next(i for i, c in enumerate(rows[0]) if c["threshold"] == 0.5 and c["smallest_ml"] == 0)
    best = int(np.argmax(dice))
    steps, at = np.mean([job["steps"] for job in jobs]), rows[0][best]
    cells = [name, len(jobs), f"{steps:.0f}", len(rows), *_shown(plain, iou, dice, false)]
    cells += [f"{at['threshold']:g}, {at['smallest_ml']:g} mL", *_shown(best, iou, dice, false, f1)]
    return "| " + " | ".join(map(str, cells)) + " |"


def _shown(place: int, *scores: NDArray[np.float64]) -> list[str]:
    return [f"{score[place]:.3f}" for score in scores]
