"""Locates weights: in a file, a folder, a training run, or the package."""

import os
from pathlib import Path

from cipa.errors import UsageError
from cipa.models.bundled import bundled_weights
from cipa.models.pretrained import CONFIG_NAME

BUNDLED = "bundled"
"""What stands for the weights that come with the package."""

OF_A_RUN = ("best", "last")
"""Folders of weights in the folder of a training run, the preferred one first."""


def locate_weights(weights: str | os.PathLike[str]) -> Path:
    """Return the file or folder that holds the weights asked for.

    Args:
        weights: a file, a folder of weights, the folder of a training run, or the word "bundled".

    Returns:
        RUN/best of a run, RUN/last where it has no best; the package's folder for "bundled"; whatever else is
        asked for, as it is, whether it is there or not.

    Raises:
        UsageError: "bundled" is also the name of something in the current folder.
    """
    path = Path(weights)
    if weights == BUNDLED:
        if path.exists():
            raise UsageError(
                f"{BUNDLED}: the name of the package's weights and of something here; write ./{BUNDLED} for "
                "the latter, or run this in another folder"
            )
        return bundled_weights()
    if path.is_dir() and not (path / CONFIG_NAME).exists():
        return next((path / name for name in OF_A_RUN if (path / name / CONFIG_NAME).is_file()), path)
    return path
