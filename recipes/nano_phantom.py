"""Train, test and pack the weights that come with the package, from nothing but this repository.

    OMP_NUM_THREADS=1 python recipes/nano_phantom.py runs/nano-phantom

Draws phantom patients on all processors, trains `nano` on the GPU (or the CPU) in two stages (slices with
tumour alone by nano-tumour.yaml, then all by nano-phantom.yaml), chooses the threshold on some patients,
scores 20 others that nothing was chosen on, beside the best threshold on PET, and writes WORK/nano:
model.safetensors (float16), config.json and MODEL_CARD.md. A part of the phantoms is enough for the first
stage. Drawing comes first, as it would slow training down beside it. Each step is skipped where its result
stands, and a training that was interrupted goes on: run the same command again.
"""

import argparse
import csv
import statistics
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from phantom_sets import Part

HERE = Path(__file__).parent
STAGES = {"stage-1": HERE / "nano-tumour.yaml", "stage-2": HERE / "nano-phantom.yaml"}
FIRST_SEED, SECOND_SEED, HELD_SEED, TUNING_SEED = 1, 3, 4, 5
"""Of the phantoms of the first stage, those the second has besides, those tested on, and more to tune on."""
FIRST_SHARE = 0.25
TUNING_BESIDE = 12
"""Patients to tune on that are drawn with those tested on; which ones those are depends on this number."""
STEADY = 0.95
"""Share of the median pace that a stage keeps: its epochs begin with readers that have nothing ready."""


def main(words: list[str] | None = None) -> None:
    """Run all steps; print what each gave."""
    from cipa.parallel import processors
    from packing import pack
    from phantom_sets import draw, gather

    arguments = _parser().parse_args(words)
    work = Path(arguments.work)
    work.mkdir(parents=True, exist_ok=True)
    first, second = training_parts(work, arguments)
    held = held_parts(work, arguments)
    for part in (first, second, *held):
        draw(part, arguments.workers or processors())
    gather((first,), work / "training-tumour", tumour_only=True)
    _train(work, "stage-1", work / "training-tumour", None, arguments)
    gather((first, second), work / "training")
    _train(work, "stage-2", work / "training", work / "stage-1" / "last", arguments)
    pack(work, held, arguments)


def training_parts(work: Path, arguments: argparse.Namespace) -> tuple["Part", "Part"]:
    """Return the phantoms of the first stage, and those that the second has besides."""
    from phantom_sets import Part

    count = max(1, round(FIRST_SHARE * arguments.patients))
    rest = max(1, arguments.patients - count)
    return (
        Part(work / "training-first", count, FIRST_SEED, arguments.size),
        Part(work / "training-second", rest, SECOND_SEED, arguments.size),
    )


def held_parts(work: Path, arguments: argparse.Namespace) -> tuple["Part", ...]:
    """Return the phantoms held out: test.txt of the first is tested on, every train.txt is for tuning."""
    from phantom_sets import Part

    tested, tuning, size = arguments.test_patients, arguments.tuning_patients, arguments.study_size
    beside = min(tuning, TUNING_BESIDE)
    held = Part(work / "held-out", tested + beside, HELD_SEED, size, 1.0, tested / (tested + beside))
    if tuning == beside:
        return (held,)
    return held, Part(work / "tuning", tuning - beside, TUNING_SEED, size, 1.0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("work", help="folder for data, run and weights; an interrupted one is gone on with")
    add("--patients", type=int, default=400, help="phantoms to train on")
    add("--tuning-patients", type=int, default=32, help="phantoms that the threshold is chosen on")
    add("--test-patients", type=int, default=20, help="phantoms to test on")
    add("--epochs", type=float, default=1.0, help="factor on the recipes' epochs")
    add(
        "--seconds",
        type=float,
        help="for both stages: the second's epochs are what the first leaves time for",
    )
    add("--batch-size", type=int, help="in place of the recipes'")
    add("--size", type=int, default=256, help="pixels a side in training; 128 is for trying the script out")
    add("--study-size", type=int, default=512, help="pixels a side of the patients held out")
    add("--workers", type=int, help="processes that draw (default: one a processor)")
    add("--device", default="auto", help="auto, cuda or cpu")
    return parser


def _train(work: Path, stage: str, data: Path, weights: Path | None, arguments: argparse.Namespace) -> None:
    from cipa.data.layout import read_ids
    from cipa.training.config_file import read_recipe
    from cipa.training.run import train

    run = work / stage
    recipe = read_recipe(STAGES[stage])
    network = replace(recipe.network, image_size=arguments.size, weights=str(weights) if weights else None)
    usual = recipe.optimisation
    epochs = max(1, round(usual.epochs * arguments.epochs))
    slices, batch = len(read_ids(data, "train")), arguments.batch_size or usual.batch_size
    if arguments.seconds and weights:
        epochs = epochs_within(arguments.seconds, weights.parent, slices)
    steps = epochs * (slices // batch)
    optimisation = replace(  # in a short trial the average must not reach back to the start
        usual,
        epochs=epochs,
        batch_size=batch,
        micro_batch=batch,
        warmup_steps=min(usual.warmup_steps, steps // 8),
        ema_decay=max(0.5, min(usual.ema_decay or 0.5, 1 - 20 / max(steps, 1))),
    )
    running = replace(recipe.running, device=arguments.device)
    recipe = replace(recipe, network=network, optimisation=optimisation, running=running)
    print(f"{stage}: {slices} slices, {epochs} epochs, {steps} steps of {batch}", flush=True)
    result = train(recipe, data, run, resume=(run / "config.yaml").is_file())
    if result.stopped_by:
        raise SystemExit("interrupted; the same command goes on")


def epochs_within(seconds: float, earlier: Path, slices: int) -> int:
    """Return how many epochs of `slices` fit what an earlier run left of `seconds`, at its pace; 1 or more.

    The pace is the median of its steps, which leaves compiling out.
    """
    with (earlier / "metrics.csv").open(newline="") as file:
        steps = list(csv.DictReader(file))
    pace = STEADY * statistics.median(float(step["slices_per_second"]) for step in steps)
    return max(1, int((seconds - float(steps[-1]["seconds"])) * pace / slices))


if __name__ == "__main__":
    main()
