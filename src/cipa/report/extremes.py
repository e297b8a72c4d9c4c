"""Panels of the slices a reader of scores asks for first: the worst, the usual and the best."""

import math
from collections.abc import Sequence
from pathlib import Path

from cipa.data.neighbours import middle_slice
from cipa.evaluation.mask_store import MaskStore
from cipa.evaluation.published import Row
from cipa.evaluation.scoring import Slices
from cipa.report.panels import Panel, save_panel
from cipa.text import plural


def choose_extremes(slices: Sequence[Row], count: int) -> dict[str, list[Row]]:
    """Choose slices by Dice: the lowest, those about the median, the highest.

    Of slices with the same Dice the one with the larger tumour comes first: a large one missed is the worse
    error. Slices without Dice (no tumour, none predicted) are left out, and no slice is chosen twice, so that
    a small set gives fewer than asked.

    Args:
        slices: rows with `slice`, `dice` and `truth_px`, as in `PublishedResult.slices`.
        count: slices of each kind at most.

    Returns:
        "worst" and "median" from low to high, "best" from high to low; a kind without a slice is absent.
    """
    scored = [row for row in slices if not math.isnan(row["dice"])]
    order = sorted(scored, key=lambda row: (row["dice"], -row["truth_px"], row["slice"]))
    count = min(count, max(1, len(order) // 3))
    worst, rest = order[:count], order[count:]
    best, rest = rest[::-1][:count], rest[: max(0, len(rest) - count)]
    start = max(0, (len(rest) - count) // 2)
    chosen = {"worst": worst, "median": rest[start : start + count], "best": best}
    return {kind: rows for kind, rows in chosen.items() if rows}


def save_extremes(
    folder: Path, slices: Sequence[Row], dataset: Slices, masks: MaskStore, count: int
) -> list[Path]:
    """Write worst.png, median.png and best.png.

    Args:
        folder: where to; created if absent.
        slices: rows of the scores, as `choose_extremes` takes them.
        dataset: where CT, PET and truth are read again.
        masks: the predictions that were scored, by slice id.
        count: rows a panel at most.

    Returns:
        The files written.

    Raises:
        DataError: a slice cannot be read any more.
        OSError: a file cannot be written.
    """
    place = {slice_id: index for index, slice_id in enumerate(dataset.ids)}
    written = []
    for kind, rows in choose_extremes(slices, count).items():
        panels = [_panel(row, dataset, place[row["slice"]], masks) for row in rows]
        written.append(folder / f"{kind}.png")
        save_panel(
            written[-1], panels, heading=f"{kind.capitalize()} of {plural(len(slices), 'slice')} by Dice"
        )
    return written


def _panel(row: Row, dataset: Slices, index: int, masks: MaskStore) -> Panel:
    item = dataset[index]
    return {
        "title": row["slice"],
        "note": f"Dice {row['dice']:.2f}    truth {row['truth_px']:,}, predicted {row['prediction_px']:,} px",
        "ct": middle_slice(item["ct"].numpy()),
        "pet": middle_slice(item["pet"].numpy()),
        "truth": item["mask"][0].numpy(),
        "prediction": masks.get(row["slice"]),
    }
