"""metadata.json of a data set: what its PNG files do not say. `cipa convert` writes it."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cipa.readers import read_json_object

METADATA = "metadata.json"


def read_document(root: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a data set's metadata.json.

    Args:
        root: the data set's folder.

    Returns:
        The document; empty where there is no file.

    Raises:
        DataError: the file is not JSON, or no object.
    """
    path = Path(root) / METADATA
    return read_json_object(path, "mend it, or remove it and give its values") if path.exists() else {}


def patient_entries(document: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Return what a document says of single patients."""
    patients = document.get("patients")
    if not isinstance(patients, Mapping):
        return {}
    return {name: entry for name, entry in patients.items() if isinstance(entry, Mapping)}
