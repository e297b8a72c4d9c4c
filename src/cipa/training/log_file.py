"""A CSV file that is appended to row by row and can be rewound to an earlier step."""

import csv
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

from cipa.files import atomic_file
from cipa.readers import read_or_refuse, read_text

MOST_LOG_BYTES = 256 * 2**20
"""A million steps have 80 MB."""


class LogFile:
    """CSV rows with a `step` column; a new file or the continuation of one."""

    def __init__(self, path: Path, columns: Sequence[str], keep_to_step: int = 0) -> None:
        """Open the file, dropping rows of steps that will be done again.

        Args:
            path: the file; created with its header where absent.
            columns: names of the columns, one of them "step".
            keep_to_step: rows of later steps are dropped, and a row that a kill cut short.

        Raises:
            DataError: the file that stands there is no table.
            OSError: the file cannot be written.
        """
        self.columns = list(columns)
        kept = _rows(path, self.columns, keep_to_step) if path.exists() else []
        with atomic_file(path) as partial, partial.open("w", newline="") as file:
            csv.writer(file).writerows([self.columns, *kept])
        self._file = path.open("a", newline="", buffering=1)
        self._writer = csv.writer(self._file)

    def add(self, **values: float) -> None:
        """Append one row, on disk at once. Nine digits hold every float32 exactly; NaN is left empty."""
        row = [values[name] for name in self.columns]
        self._writer.writerow(["" if value != value else f"{value:.9g}" for value in row])

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _rows(path: Path, columns: list[str], last_step: int) -> list[list[str]]:
    """Return the whole rows up to a step, of each step the last one."""
    place = columns.index("step")
    content = read_text(path, "move it away, then resume", MOST_LOG_BYTES)
    found = read_or_refuse(
        path, "a CSV table", "move it away, then resume", lambda: list(csv.reader(StringIO(content)))
    )
    rows = [
        row for row in found if len(row) == len(columns) and row[place].isdecimal() and len(row[place]) < 10
    ]
    return list({int(row[place]): row for row in rows if int(row[place]) <= last_step}.values())
