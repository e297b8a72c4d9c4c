"""One row of the table: train, score, write down what it cost."""

import csv
import json
import math
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cipa.data.layout import patient_of, read_ids
from cipa.data.pclt20k import PCLT20K
from cipa.data.spacing import find_spacings
from cipa.data.split import hold_out
from cipa.evaluation.patient import METRICS, PatientProtocol, PatientResult
from cipa.evaluation.published import PublishedResult
from cipa.evaluation.scoring import Slices, score_slices
from cipa.files import atomic_file
from cipa.training.recipe import TrainRecipe
from recipes.sts.meter import Meter, hardware
from recipes.sts.rows import changed
from recipes.sts.stress import STRESSES, Stressed

COUNTS = ("tp", "fp", "fn", "tn")
CURVE_POINTS = 100
HELD_OUT = {"validation": "hold-out", "validation_fraction": 0.2, "validate_every": 10_000}


def run_row(
    name: str,
    recipe: TrainRecipe,
    train: Path,
    test: Path,
    work: Path,
    out: Path,
    *,
    held_out: bool,
    stress: bool,
) -> Path:
    """Train and score a row unless it is there; go on where an interrupted training stopped.

    Args:
        name: of the row, with what was changed in it.
        recipe: of it.
        train: data set whose train.txt it learns from.
        test: data set whose test.txt it is scored on.
        work: folder for the run with its weights, some hundred MB; kept.
        out: folder for the results, some hundred kB: NAME-SEED/row.json, loss.csv, curves.png, evaluation/.
        held_out: score it on a fifth of the training patients instead, which it then does not learn from: for
            every choice that is made by looking at scores.
        stress: score it on the harder slices of `stress.STRESSES` too.

    Returns:
        The row's file.
    """
    label = f"{name.replace(' ', '-')}-{recipe.optimisation.seed}" + "-held-out" * held_out
    path = out / label / "row.json"
    if path.is_file():
        return path
    if held_out:
        recipe = changed(recipe, HELD_OUT)
    with Meter() as training:
        result = _train(recipe, train, work / label)
    with Meter() as scoring:
        tests = scored_slices(recipe, train, test, held_out)
        scores = _score(result.run / "last", *tests, out / label / "evaluation", stress=stress)
    (out / label).mkdir(parents=True, exist_ok=True)
    _keep_curves(result.run, out / label)
    row = {
        "row": name,
        "seed": recipe.optimisation.seed,
        "scored_on": "held-out training patients" if held_out else "test patients",
        "steps": result.step,
        "recipe": asdict(recipe),
        "cost": {
            "training_seconds": training.seconds,
            "training_energy_wh": training.energy_wh,
            "peak_memory_mib": training.peak_memory_mib,
            "scoring_seconds": scoring.seconds,
        },
        "hardware": hardware(),
        **scores,
    }
    write_row(path, row)
    return path


def write_row(path: Path, row: dict[str, Any]) -> None:
    """Write a row's file, whole or not at all."""
    with atomic_file(path) as partial:
        partial.write_text(json.dumps(_plain(row), indent=1, allow_nan=False) + "\n", encoding="utf-8")


def _plain(value: Any) -> Any:
    """Return a value in what JSON knows: NaN is null, as nothing else means "does not have this score"."""
    if isinstance(value, dict):
        return {str(key): _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float):
        return None if math.isnan(value) else float(value)
    return value


def describe(result: PublishedResult, patients: PatientResult) -> dict[str, Any]:
    """Return what the table is made of: pooled scores, and each patient's counts and 3-D scores."""
    pooled = {name: getattr(result, name) for name in ("iou", "dice", "acc", "hd95")}
    scores = {row["patient"]: {metric: row[metric] for metric in METRICS} for row in patients.patients}
    counts = {row["patient"]: {count: row[count] for count in COUNTS} for row in result.patients}
    return {"pooled": pooled, "patients": {name: {**counts[name], **scores[name]} for name in counts}}


def protocol(root: Path, ids: list[str]) -> PatientProtocol:
    """Return the patient protocol for slices of a data set."""
    return PatientProtocol(find_spacings(root, map(patient_of, ids)))


def _train(recipe: TrainRecipe, data: Path, run: Path) -> Any:
    from cipa.training.run import train

    begun = (run / "config.yaml").is_file()
    if run.exists() and not begun:
        shutil.rmtree(run)
    return train(None if begun else recipe, data, run, resume=begun)


def scored_slices(recipe: TrainRecipe, train: Path, test: Path, held_out: bool) -> tuple[Path, list[str]]:
    """Return the data set and the slices of it that a row is scored on."""
    if not held_out:
        return test, read_ids(test, "test")
    validation = recipe.validation
    return train, hold_out(
        read_ids(train, "train"), validation.validation_fraction, validation.validation_seed
    )[1]


def _score(weights: Path, root: Path, ids: list[str], out: Path, *, stress: bool) -> dict[str, Any]:
    from cipa import load_model
    from cipa.inference.predictor import Predictor
    from cipa.report.evaluation import evaluate

    model = load_model(weights)
    predictor = Predictor(model, batch_size=16)
    dataset = PCLT20K(root, ids, predictor.image_size)
    patients = protocol(root, ids)
    result = evaluate(predictor, dataset, out, masks=False, panels=3, patients=patients)
    scores = describe(result, patients.result())
    scores["parameters"] = sum(parameter.numel() for parameter in model.parameters())
    names = STRESSES if stress else ()
    scores["stress"] = {name: _stressed(predictor, Stressed(dataset, STRESSES[name]), root) for name in names}
    return scores


def _stressed(predictor: Any, dataset: Slices, root: Path) -> dict[str, Any]:
    patients = protocol(root, list(dataset.ids))
    result = score_slices(
        dataset,
        lambda ids, ct, pet: predictor.mask(predictor.predict_slices(ct, pet)),
        batch_size=predictor.batch_size,
        patients=patients,
    )
    return describe(result, patients.result())


def _keep_curves(run: Path, out: Path) -> None:
    with (run / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    stride = max(1, len(rows) // CURVE_POINTS)
    with atomic_file(out / "loss.csv") as partial, partial.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("step", "loss", "seconds"))
        for start in range(0, len(rows), stride):
            part = rows[start : start + stride]
            mean = sum(float(row["loss"]) for row in part) / len(part)
            writer.writerow((part[-1]["step"], f"{mean:.4f}", f"{float(part[-1]['seconds']):.2f}"))
    if (run / "curves.png").is_file():
        shutil.copyfile(run / "curves.png", out / "curves.png")
