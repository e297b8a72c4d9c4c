"""The table of docs/gpu.md, made from the committed rows: the latest of each case on each GPU."""

from itertools import groupby
from pathlib import Path

from benchmarks.harness import RESULTS, Record, keep_newest, read_records

PAGE = Path(__file__).parents[1] / "docs" / "gpu.md"
START, END = "<!-- python -m benchmarks table: from here -->", "<!-- to here -->"


def write(page: Path = PAGE, results: Path = RESULTS) -> None:
    """Replace what stands between the page's two marks."""
    rows = sorted(
        (row for row in keep_newest(read_records(results)) if row["triton"]),
        key=lambda row: (row["device"], row["benchmark"]),
    )
    before, _, rest = page.read_text().partition(START)
    after = rest.partition(END)[2]
    page.write_text(f"{before}{START}\n\n{tables(rows)}\n{END}{after}")


def tables(rows: list[Record]) -> str:
    """Return a Markdown table for each GPU and benchmark, with the versions and days its rows are of."""
    parts = []
    for (device, benchmark), group in groupby(rows, lambda row: (row["device"], row["benchmark"])):
        members = list(group)
        facts = sorted({f"{row['date']}, torch {row['torch']}, Triton {row['triton']}" for row in members})
        parts += [
            f"### {benchmark.removeprefix('gpu ')}, {device}", "", "; ".join(facts), "",
            "| case | median | spread | unit | to reach | published | published / ours |",
            "|---|--:|--:|---|---|--:|--:|", *map(_line, members), "",
        ]  # fmt: skip
    return "\n".join(parts)


def _line(row: Record) -> str:
    ratio = f"{float(row['published']) / float(row['value']):.1f}" if row["published"] else ""
    spread = "" if float(row["spread"]) == 0 else row["spread"]
    cells = (row["case"], row["value"], spread, row["unit"], row["target"], row["published"], ratio)
    return f"| {' | '.join(cells)} |"
