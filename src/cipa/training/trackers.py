"""Experiment trackers that a run may write to besides its own log: TensorBoard, Weights & Biases, MLflow.

All of them through Accelerate. None is imported, and nothing is written or sent, unless `--log-to` names it.
TensorBoard's events are RUN/tensorboard. MLflow's files are RUN/mlruns unless MLFLOW_TRACKING_URI names a
server. Weights & Biases sends to its own unless WANDB_MODE=offline; its files are RUN/wandb.
"""

import json
import os
import uuid
from typing import Any

from accelerate.tracking import GeneralTracker, MLflowTracker, TensorBoardTracker, WandBTracker

from cipa.errors import DataError, UsageError
from cipa.files import atomic_file
from cipa.readers import excerpt, read_json_object
from cipa.training.run_folder import RunFolder

PROJECT = "cipa"


def start_tracker(name: str, run: RunFolder, step: int, settings: dict[str, Any]) -> GeneralTracker | None:
    """Start tracking a run, or continue the tracking of a resumed one.

    Args:
        name: none, tensorboard, wandb or mlflow.
        run: the run's folder.
        step: optimiser steps done; a resumed run goes on from there.
        settings: of the recipe, by name, kept with the tracker's run.

    Returns:
        The tracker, or None where none is wanted.

    Raises:
        UsageError: its package is not installed.
        OSError: its files cannot be written.
    """
    if name == "none":
        return None
    try:
        tracker = STARTERS[name](run, step)
        tracker.start()
    except ImportError as error:
        raise UsageError(
            f"--log-to {name} needs {name}: pip install 'cipa[{name}]', or leave it out"
        ) from error
    if name == "mlflow" and not run.tracker.exists():
        _keep_id(run, tracker.tracker.info.run_id)
    if name != "tensorboard" and not step:  # TensorBoard would make a run of its own for them
        tracker.store_init_configuration({key: str(value) for key, value in settings.items()})
    return tracker


def _tensorboard(run: RunFolder, step: int) -> GeneralTracker:
    """Events of steps that are done again after a kill are purged."""
    purge = {"purge_step": step + 1} if step else {}
    return TensorBoardTracker("tensorboard", str(run.path), **purge)


def _wandb(run: RunFolder, step: int) -> GeneralTracker:
    identity = _read_id(run) or _keep_id(run, uuid.uuid4().hex[:12])
    options = {"dir": str(run.path), "name": run.path.name, "id": identity, "resume": "allow"}
    return WandBTracker(PROJECT, **options)


def _mlflow(run: RunFolder, step: int) -> GeneralTracker:
    import mlflow

    if "MLFLOW_TRACKING_URI" not in os.environ:
        # MLflow 3 takes a folder only where it is asked for by name; its databases need the whole package.
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")
        mlflow.set_tracking_uri((run.path.resolve() / "mlruns").as_uri())
    return MLflowTracker(PROJECT, run_name=run.path.name, run_id=_read_id(run))


STARTERS = {"tensorboard": _tensorboard, "wandb": _wandb, "mlflow": _mlflow}


def _read_id(run: RunFolder) -> str | None:
    if not run.tracker.exists():
        return None
    identity = read_json_object(run.tracker, "delete it to log to a new run").get("id")
    if not isinstance(identity, str) or not identity.isprintable():
        raise DataError(f"{run.tracker}: id {excerpt(identity)} is none; delete it to log to a new run")
    return identity


def _keep_id(run: RunFolder, identity: str) -> str:
    with atomic_file(run.tracker) as partial:
        partial.write_text(json.dumps({"id": identity}) + "\n", encoding="utf-8")
    return identity
