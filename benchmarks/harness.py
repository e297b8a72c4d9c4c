"""What every benchmark shares: timing, the facts of the machine, the committed table.

A benchmark checks first and measures second. It returns rows; a failed check raises `GateFailed` and no speed
is printed.
"""

import csv
import importlib.metadata
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import torch

import cipa
from cipa.files import atomic_file

RESULTS = Path(__file__).parent / "results.csv"

Record = dict[str, str]
"""A row of the table by its columns."""


class GateFailed(Exception):
    """The fast backend's numbers are not the reference's: its speed means nothing."""


@dataclass(frozen=True)
class Row:
    """One measured number.

    Attributes:
        benchmark: what was run.
        case: on which input.
        value: median.
        unit: of the value.
        spread: largest minus smallest of the repeats, in the same unit.
        target: the bound it is held to, "" for none.
        published: the published code's value on such a card, in the same unit; None where not known.
        on: "cpu" or "cuda", where it ran.
    """

    benchmark: str
    case: str
    value: float
    unit: str
    spread: float = 0.0
    target: str = ""
    published: float | None = None
    on: str = "cpu"


def require(holds: bool, what: str) -> None:
    """Raise `GateFailed` unless the check holds."""
    if not holds:
        raise GateFailed(what)


def seconds(work: Callable[[], object], repeats: int = 5, warm_up: int = 1) -> tuple[float, float]:
    """Return median and spread of the wall-clock time of `work`."""
    for _ in range(warm_up):
        work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times), max(times) - min(times)


def machine(on: str = "cpu") -> dict[str, str]:
    """Return processor or GPU, threads and versions: what a number means nothing without."""
    gpu = on == "cuda"
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "device": torch.cuda.get_device_name() if gpu else _processor(),
        "threads": str(torch.get_num_threads()),
        "torch": torch.__version__,
        "numba": importlib.metadata.version("numba"),
        "triton": importlib.metadata.version("triton") if gpu else "",
        "cipa": cipa.__version__,
    }


def record(rows: list[Row], path: Path = RESULTS) -> None:
    """Add rows and the machine's facts to the table, each in place of the earlier row of its case."""
    records = []
    for row in rows:
        values = {name: str(value) for name, value in asdict(row).items() if name != "on"}
        values |= {"value": f"{row.value:.4g}", "spread": f"{row.spread:.2g}"}
        values["published"] = "" if row.published is None else f"{row.published:.4g}"
        records.append(machine(row.on) | values)
    names = [*machine(), *(name for name in Row.__dataclass_fields__ if name != "on")]
    kept = keep_newest([*(read_records(path) if path.exists() else []), *records])
    with atomic_file(path) as unfinished, unfinished.open("w", newline="") as file:
        writer = csv.DictWriter(file, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(kept)


def read_records(path: Path = RESULTS) -> list[Record]:
    """Return the rows of the table with the facts of their machines."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def keep_newest(records: list[Record]) -> list[Record]:
    """Keep the last row of each case, where its first one stood.

    A case is of one device, and on a CPU of one number of threads: what ran elsewhere is another. Date and
    versions are what a newer row changes.
    """
    return list({_case_of(record): record for record in records}.values())


def _case_of(record: Record) -> tuple[str, ...]:
    threads = "" if record["triton"] else record["threads"]
    return (*(record[name] for name in ("device", "benchmark", "case", "unit")), threads)


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = [line.split(":", 1)[1].strip() for line in lines if "model name" in line]
    return models[0] if models else platform.processor() or platform.machine()
