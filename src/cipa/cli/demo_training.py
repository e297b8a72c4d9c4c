"""`cipa demo --train`: training in minutes, offline, on a CPU, and a test on unseen patients.

Draws phantom patients, trains `nano` on most of them, scores the rest with the published protocol beside
PET thresholds, and writes pictures. The scores say nothing about real patients.
"""

import json
import time
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cipa.evaluation.published import PublishedResult

SUMMARY = "demo.json"
"""What a demo leaves beside its files: a folder that holds it may be replaced by another demo."""

PATIENTS, TEST_FRACTION, SIZE, SLICES = 40, 0.25, 128, (4, 16)
EPOCHS, BATCH, LEARNING_RATE, WARM_UP = 8, 8, 4e-3, 20


def run_training(arguments: Namespace, out: Path) -> None:
    """Draw, train, test, write it all to `out` and show where to look.

    Args:
        arguments: `epochs` and `seed`.
        out: folder to write, replaced if it is there.

    Raises:
        UsageError: an option is out of range.
    """
    from rich.console import Console

    from cipa.files import atomic_folder

    console = Console(highlight=False, soft_wrap=True)
    began = time.monotonic()
    with atomic_folder(out) as folder:
        console.print(f"[bold]1/3[/] drawing {PATIENTS} phantom patients, {SIZE} x {SIZE} pixels")
        _draw(folder / "data", arguments.seed)
        console.print("[bold]2/3[/] training [bold]nano[/] on three quarters of them")
        _train(folder, arguments)
        console.print("[bold]3/3[/] testing on patients it has not seen")
        result = _test(folder)
        rows = _compare(folder, result)
        minutes = (time.monotonic() - began) / 60
        summary = {
            "seed": arguments.seed,
            "epochs": arguments.epochs,
            "minutes": round(minutes, 2),
            "dice": rows,
        }
        (folder / SUMMARY).write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    _conclude(console, out, result, rows, minutes)


def _draw(data: Path, seed: int) -> None:
    from cipa.phantom import write_phantoms

    write_phantoms(
        data, PATIENTS, seed=seed, size=SIZE, slices=SLICES, test_fraction=TEST_FRACTION, workers=2
    )


def _train(folder: Path, arguments: Namespace) -> None:
    from cipa.training.recipe import (
        NetworkRecipe,
        OptimisationRecipe,
        RunningRecipe,
        TrainRecipe,
        ValidationRecipe,
    )
    from cipa.training.run import train

    recipe = TrainRecipe(
        network=NetworkRecipe(model="nano", image_size=SIZE),
        optimisation=OptimisationRecipe(
            epochs=arguments.epochs,
            batch_size=BATCH,
            micro_batch=BATCH,
            lesion_free=None,
            dice="image",
            lr=LEARNING_RATE,  # short and from scratch: far above the rate published for ImageNet weights
            warmup_steps=WARM_UP,
            seed=arguments.seed,
        ),
        validation=ValidationRecipe(validation="none"),
        running=RunningRecipe(device="cpu", workers=0, save_every_minutes=0),
    )
    train(recipe, folder / "data", folder / "training")


def _test(folder: Path) -> "PublishedResult":
    from cipa import load_model
    from cipa.data.pclt20k import PCLT20K, read_ids
    from cipa.inference.predictor import Predictor
    from cipa.report.evaluation import evaluate

    predictor = Predictor(load_model(folder / "training" / "last"), "cpu", batch_size=8)
    dataset = PCLT20K(folder / "data", read_ids(folder / "data", "test"), SIZE)
    return evaluate(predictor, dataset, folder / "test", about={"data": "phantoms, drawn, of no person"})


def _compare(folder: Path, result: "PublishedResult") -> dict[str, float]:
    from cipa.data.pclt20k import read_ids
    from cipa.phantom import threshold_baseline

    data = folder / "data"
    thresholds = threshold_baseline(data, read_ids(data, "test"), read_ids(data, "train"))
    return {score.rule: score.dice for score in thresholds} | {"CIPA nano, trained just now": result.dice}


def _conclude(
    console: Any, out: Path, result: "PublishedResult", rows: dict[str, float], minutes: float
) -> None:
    from rich.table import Table

    from cipa.report.scores import scores_table

    table = Table(title="Dice on the unseen patients, pixels pooled", title_justify="left")
    table.add_column("method")
    table.add_column("Dice %", justify="right")
    for rule, dice in rows.items():
        table.add_row(rule, f"{100 * dice:.1f}")
    console.print(table)
    console.print(scores_table(result, "CIPA nano, all scores"))
    console.print(
        f"\n{minutes:.1f} minutes. Look at:\n"
        f"  {out}/test/panels/median.png    CT, PET, truth and prediction on typical slices\n"
        f"  {out}/test/panels/worst.png     where it fails\n"
        f"  {out}/training/curves.png       loss and learning rate\n"
        f"  {out}/test/per_patient.csv      scores a patient\n"
        "Phantoms only: the scores say nothing about real patients. Not a medical device.",
        markup=False,
    )
