"""Names of studies on the command line: hidden where they hold the patient's, unless a user asks for them."""

import csv
from argparse import _ArgumentGroup
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cipa.files import atomic_file

if TYPE_CHECKING:
    from cipa.io.studies import StudyLocation

HIDDEN = "names hidden: the folders are named after the patients; --keep-names shows them"


def add_keep_names(group: _ArgumentGroup) -> None:
    """Declare `--keep-names`."""
    group.add_argument(
        "--keep-names", action="store_true", help="keep names of folders that hold the patient's name or ID"
    )


def has_alias(study: "StudyLocation") -> bool:
    """Tell whether a study goes by an alias, because its folder's name says who the patient is."""
    return bool(study.fingerprint) and study.name == study.fingerprint


def write_alias_table(path: Path, studies: "Sequence[StudyLocation]") -> None:
    """Write which study's result goes by which name: a CSV with `name` and `source`, private to its owner.

    Args:
        path: the file; it may name patients, as the folders of the studies do.
        studies: all of them, those without an alias as well.

    Raises:
        OSError: the file cannot be written; nothing is left under its name.
    """
    with atomic_file(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("name", "source"))
        for study in studies:
            for source in (study.ct, study.pet):
                if source is not None:
                    writer.writerow((study.name, str(source.resolve())))
    path.chmod(0o600)
