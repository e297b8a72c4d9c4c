"""The private table that tells which study an alias stands for: results can be traced to their inputs."""

import csv
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from cipa.files import PARTIAL
from cipa.io.studies import StudyPlace

COLUMNS = ("study", "source", "fingerprint")


def write_alias_table(path: Path, studies: Sequence[StudyPlace]) -> None:
    """Write which files each study's name stands for, as CSV that its owner alone can read.

    Only where the user asks for it: the table holds paths as they are, names of patients among them.

    Args:
        path: final name; not in a folder that is passed on with the results.
        studies: as `find_studies` gave them.

    Raises:
        OSError: the file cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, partial = tempfile.mkstemp(prefix=PARTIAL, suffix=f"-{path.name}", dir=path.parent)  # 0600
    try:
        with os.fdopen(handle, "w", newline="", encoding="utf-8", errors="surrogateescape") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            writer.writerows(map(_row, studies))
        Path(partial).replace(path)
    finally:
        Path(partial).unlink(missing_ok=True)


def _row(study: StudyPlace) -> tuple[str, str, str]:
    sources = study.folders or (study.ct, *((study.pet,) if study.pet else ()))
    return study.name, os.pathsep.join(str(source.resolve()) for source in sources), study.fingerprint
