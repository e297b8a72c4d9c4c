"""The tables and curves of all rows, on a page between two marks."""

import os
from pathlib import Path

from recipes.sts.curves import save_loss_curves
from recipes.sts.table import Row, cost_table, patients_table, read_rows, scores_table, stress_table

BEGIN, END = "<!-- table of recipes.sts -->", "<!-- end of the table -->"


def write_tables(folder: Path, page: Path | None = None) -> str:
    """Make the tables of the rows below a folder, and put them into a page between its two marks.

    Their losses are drawn as curves.png in the folder.

    Raises:
        ValueError: there are no rows, or the page lacks the marks.
    """
    rows = read_rows(folder)
    if not rows:
        raise ValueError(f"{folder}: no row.json in the folders there")
    parts = [scores_table(rows), cost_table(rows), stress_table(rows), patients_table(rows)]
    if curves := _curves(rows):
        save_loss_curves(folder / "curves.png", curves)
        parts.append(f"![Training loss of every row]({_link(folder / 'curves.png', page)})")
    text = "\n\n".join(part for part in parts if part)
    if page:
        before, rest = page.read_text(encoding="utf-8").split(BEGIN)
        after = rest.split(END)[1]
        page.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")
    return text


def _curves(rows: dict[str, list[Row]]) -> dict[str, list[Path]]:
    """Return the loss.csv of each network's seeds; a threshold has none."""
    files = {name: [row["folder"] / "loss.csv" for row in seeds] for name, seeds in rows.items()}
    there = {name: [file for file in seeds if file.is_file()] for name, seeds in files.items()}
    return {name: seeds for name, seeds in there.items() if seeds}


def _link(picture: Path, page: Path | None) -> str:
    return Path(os.path.relpath(picture, page.parent if page else ".")).as_posix()
