"""Run benchmarks and print what they measured.

    python -m benchmarks                    all of them
    python -m benchmarks scan network       some
    python -m benchmarks gpu                those of a CUDA device (some minutes)
    python -m benchmarks gpu --parts scan,first   of network, profile, scan, ops, first, spread, precision
    python -m benchmarks scaling            training on all GPUs against one
    python -m benchmarks study --study DIR  one study from DICOM to its report, stage by stage
    python -m benchmarks --record           write the rows into benchmarks/results.csv, newest of each case
    python -m benchmarks table              write the tables of docs/gpu.md from there
    python -m benchmarks fuzz               10,000 damaged inputs through every reader (about ten minutes)

A benchmark whose correctness gate fails prints the failure and no speed, and the exit code is 1.
"""

import argparse
import os
import sys
from collections.abc import Iterator
from importlib import import_module

os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # as the command line does, before PyTorch is imported

from rich.console import Console
from rich.table import Table

from benchmarks.harness import GateFailed, Row, machine, record

STUDY_OPTIONS = {
    "study": "DICOM folder or zip (shared/data/acrin042 beside the project)",
    "weights": "of the network",
    "device": "cpu or cuda (both)",
}
FUZZ_OPTIONS = {
    "inputs": (int, 10_000, "how many"),
    "seed": (int, 0, "of every draw"),
    "only": (str, None, "the one reader to try"),
    "number": (int, None, "the one input to try"),
}
NAMES = ("startup", "scan", "network", "rounding", "hd95", "patients", "study", "loader", "gpu", "scaling")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}")
    parser.add_argument(
        "--record",
        action="store_true",
        help="put the rows into benchmarks/results.csv, each in place of its case's last",
    )
    for name, what in STUDY_OPTIONS.items():
        parser.add_argument(f"--{name}", help=f"study: {what}")
    parser.add_argument("--parts", help="gpu: some of its parts, with commas between")
    for name, (kind, default, what) in FUZZ_OPTIONS.items():
        parser.add_argument(f"--{name}", type=kind, default=default, help=f"fuzz: {what}")
    arguments = parser.parse_args()
    if arguments.names == ["fuzz"]:
        return run_fuzz(**{name: getattr(arguments, name) for name in FUZZ_OPTIONS})
    if arguments.names == ["table"]:
        import_module("benchmarks.table").write()
        return 0
    unknown = set(arguments.names) - set(NAMES)
    if unknown:
        parser.error(f"no benchmark {sorted(unknown)}: choose from {', '.join(NAMES)}")
    given = {
        "study": {name: getattr(arguments, name) for name in STUDY_OPTIONS},
        "gpu": {"parts": arguments.parts},
    }
    rows, failed = [], False
    for name in arguments.names or NAMES:
        try:
            for found in parts(import_module(f"benchmarks.{name}").run(**given.get(name, {}))):
                rows += found
                if arguments.record:
                    record(found)
        except GateFailed as failure:
            print(f"{name}: {failure}; no speed is reported", file=sys.stderr)
            failed = True
    show(rows)
    return int(failed)


def run_fuzz(inputs: int, seed: int, only: str | None, number: int | None) -> int:
    report = import_module("benchmarks.fuzz.run").fuzz(inputs, seed, only, number)
    for fault in report.faults:
        print(f"{fault.target} {fault.number}: {fault.kind}: {fault.detail!r}")
    print(f"\n{report.table()}\n\nseed {seed}, {report.seconds:.0f} s")
    return int(bool(report.faults))


def parts(found: list[Row] | Iterator[list[Row]]) -> Iterator[list[Row]]:
    """Give the rows of a benchmark; one that takes minutes yields them as they come."""
    if isinstance(found, list):
        yield found
    else:
        yield from found


def show(rows: list[Row]) -> None:
    columns = ("benchmark", "case", "median", "spread", "unit", "to reach", "published", "ratio")
    for on in sorted({row.on for row in rows}):
        table = Table(title=" | ".join(filter(None, machine(on).values())), title_justify="left")
        for column in columns:
            table.add_column(
                column, justify="right" if column in ("median", "spread", "published", "ratio") else "left"
            )
        for row in rows:
            if row.on == on:
                published = (
                    ("", "")
                    if row.published is None
                    else (f"{row.published:.3g}", f"{row.published / row.value:.2g}")
                )
                table.add_row(
                    row.benchmark, row.case, f"{row.value:.3g}", f"{row.spread:.2g}", row.unit,
                    row.target, *published,
                )  # fmt: skip
        Console().print(table)


if __name__ == "__main__":
    sys.exit(main())
