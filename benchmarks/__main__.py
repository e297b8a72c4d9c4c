"""Run benchmarks and print what they measured.

    python -m benchmarks                    all of them
    python -m benchmarks scan network       some
    python -m benchmarks --record           append the rows to benchmarks/results.csv

A benchmark whose correctness gate fails prints the failure and no speed, and the exit code is 1.
"""

import argparse
import os
import sys
from importlib import import_module

os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # as the command line does, before PyTorch is imported

from rich.console import Console
from rich.table import Table

from benchmarks.harness import GateFailed, Row, machine, record

NAMES = ("startup", "scan", "network", "hd95", "patients", "study", "loader")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}")
    parser.add_argument("--record", action="store_true", help="append to benchmarks/results.csv")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(NAMES)
    if unknown:
        parser.error(f"no benchmark {sorted(unknown)}: choose from {', '.join(NAMES)}")
    rows, failed = [], False
    for name in arguments.names or NAMES:
        try:
            found = import_module(f"benchmarks.{name}").run()
        except GateFailed as failure:
            print(f"{name}: {failure}; no speed is reported", file=sys.stderr)
            failed = True
        else:
            rows += found
    show(rows)
    if arguments.record:
        record(rows)
    return int(failed)


def show(rows: list[Row]) -> None:
    table = Table(title=" | ".join(machine().values()), title_justify="left")
    for column, justify in (
        ("benchmark", "left"),
        ("case", "left"),
        ("median", "right"),
        ("spread", "right"),
    ):
        table.add_column(column, justify=justify)
    table.add_column("unit")
    table.add_column("to reach")
    for row in rows:
        table.add_row(row.benchmark, row.case, f"{row.value:.3g}", f"{row.spread:.2g}", row.unit, row.target)
    Console().print(table)


if __name__ == "__main__":
    sys.exit(main())
