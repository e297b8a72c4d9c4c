"""The folder of a run: its files, when a run may start in it, and what a crash may have left behind."""

import shutil
from pathlib import Path

from cipa.errors import UsageError
from cipa.evaluation.folds import SPLIT
from cipa.files import PARTIAL


class RunFolder:
    """Names of everything a run writes.

    Attributes:
        path: the folder itself.
        config: the resolved recipe, YAML.
        metrics: a row every few steps, CSV.
        validation: a row a validation, CSV.
        split: which patients are learnt from, validated on and left out, JSON.
        state: all that resuming needs.
        best: weights with the highest validation Dice.
        last: weights of the last finished epoch or stop.
        tracker: by which name an experiment tracker knows the run, JSON.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.config = path / "config.yaml"
        self.metrics = path / "metrics.csv"
        self.validation = path / "validation.csv"
        self.split = path / SPLIT
        self.state = path / "state" / "state.pt"
        self.best = path / "best"
        self.last = path / "last"
        self.tracker = path / "tracker.json"

    def check_new(self) -> None:
        """Refuse a folder that holds something.

        Raises:
            UsageError: it exists and is not empty, or is a file.
        """
        if self.path.is_file():
            raise UsageError(f"{self.path} is a file: give -o another name")
        if self.path.is_dir() and any(self.path.iterdir()):
            raise UsageError(
                f"{self.path} exists and is not empty: add --resume to go on with it, or choose another -o"
            )

    def check_begun(self) -> None:
        """Refuse to resume what was never begun.

        Raises:
            UsageError: there is no run in the folder.
        """
        if not self.config.is_file():
            raise UsageError(
                f"{self.path} holds no run to resume (no config.yaml): leave out --resume to begin one"
            )

    def clear_remains(self) -> None:
        """Delete unfinished files of a killed run; weights caught between two renames get their name back."""
        for remains in [*self.path.glob(PARTIAL + "*"), *self.state.parent.glob(PARTIAL + "*")]:
            for folder in (self.best, self.last):
                if remains.name.endswith(f"-{folder.name}-old") and not folder.exists():
                    remains.replace(folder)
            if remains.is_dir():
                shutil.rmtree(remains)
            else:
                remains.unlink(missing_ok=True)
