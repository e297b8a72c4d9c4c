"""What travels inside an exported file beside its weights: the network's configuration, as JSON.

Image size, slices, CT window, SUV scale, threshold and the smallest lesion are fields of it, so that a file
alone is enough to prepare a study as the network was trained on it.
"""

import json
from dataclasses import asdict
from pathlib import Path

from cipa.errors import DataError
from cipa.models.checkpoints.folder import parse_config
from cipa.models.config import NetworkConfig
from cipa.readers import read_or_refuse
from cipa.version import __version__

KEY = "cipa.json"
"""Name of the entry: an extra file of a `.pt2`, a metadata property of an ONNX model."""

FORMAT = 1
"""Raised when a later version writes what this one cannot read."""

AGAIN = "export it again (cipa export WEIGHTS -o FILE)"


def write_metadata(config: NetworkConfig) -> str:
    """Return the entry of a network."""
    return json.dumps({"format": FORMAT, "version": __version__, "config": asdict(config)})


def read_metadata(text: str | None, path: Path) -> NetworkConfig:
    """Return the configuration an exported file holds.

    Args:
        text: the entry; None or empty where the file has none.
        path: the file, for messages.

    Raises:
        DataError: no entry, which is a file of another tool; damaged; or of a later version.
    """
    if not text:
        raise DataError(f"{path}: holds no {KEY}, so cipa did not export it; {AGAIN}")
    values = read_or_refuse(path, "an exported network", AGAIN, lambda: json.loads(text))
    if not isinstance(values, dict) or not isinstance(values.get("config"), dict):
        raise DataError(f"{path}: its {KEY} is damaged; {AGAIN}")
    if values.get("format") != FORMAT:
        raise DataError(f"{path}: its {KEY} has format {values.get('format')!r}, not {FORMAT}; {AGAIN}")
    return parse_config(values["config"], path, AGAIN)
