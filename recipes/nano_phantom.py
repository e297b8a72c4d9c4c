"""Train, test and pack the weights that come with the package, from nothing but this repository.

    OMP_NUM_THREADS=1 python recipes/nano_phantom.py runs/nano-phantom

Draws phantom patients on all processors, trains `nano` on the GPU (or the CPU) in two stages (slices with
tumour alone by nano-tumour.yaml, then all by nano-phantom.yaml), chooses the threshold on 12 patients, scores
20 others that nothing was chosen on, beside the best threshold on PET, and writes WORK/nano:
model.safetensors (float16), config.json and MODEL_CARD.md. A part of the phantoms is enough for the first
stage; the others, and those held out, are drawn beside it. Each step is skipped where its result stands, and
a training that was interrupted goes on: run the same command again.
"""

import argparse
import csv
import json
import math
import shutil
import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any

from model_card import model_card

HERE = Path(__file__).parent
STAGES = {"stage-1": HERE / "nano-tumour.yaml", "stage-2": HERE / "nano-phantom.yaml"}
FIRST_SEED, HELD_SEED, SECOND_SEED = 1, 4, 3
"""Of the phantoms of the first stage, those held out, and those that the second stage has besides."""
FIRST_SHARE = 0.35
SPARE = 3
"""Processors that drawing beside training leaves alone."""


def main(words: list[str] | None = None) -> None:
    """Run all steps; print what each gave."""
    from cipa.data.parallel import processors
    from phantom_sets import Part, draw, drawn_aside, gather

    arguments = _parser().parse_args(words)
    work = Path(arguments.work)
    work.mkdir(parents=True, exist_ok=True)
    count = max(1, round(FIRST_SHARE * arguments.patients))
    first = Part(work / "training-first", count, FIRST_SEED)
    second = Part(work / "training-second", max(1, arguments.patients - count), SECOND_SEED)
    held_count = arguments.test_patients + arguments.tuning_patients
    held = Part(work / "held-out", held_count, HELD_SEED, 1.0, arguments.test_patients / held_count)

    workers = arguments.workers or processors()
    draw(first, arguments.size, workers)
    with drawn_aside((second, held), arguments.size, max(1, workers - SPARE)) as aside:
        gather((first,), work / "training-tumour", tumour_only=True)
        _train(work, "stage-1", work / "training-tumour", None, arguments)
        aside.wait(second)
        gather((first, second), work / "training")
        _train(work, "stage-2", work / "training", work / "stage-1" / "last", arguments)
    _pack(work, arguments)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("work", help="folder for data, run and weights; an interrupted one is gone on with")
    add("--patients", type=int, default=400, help="phantoms to train on")
    add("--tuning-patients", type=int, default=12, help="phantoms that the threshold is chosen on")
    add("--test-patients", type=int, default=20, help="phantoms to test on")
    add("--epochs", type=float, default=1.0, help="factor on the recipes' epochs")
    add("--seconds", type=float, help="what the second stage may take: its epochs then follow from the pace")
    add("--batch-size", type=int, help="in place of the recipes'")
    add("--size", type=int, default=512, help="pixels a side; other than 512 is for trying the script out")
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
        epochs = max(1, math.floor(arguments.seconds * _pace(weights.parent) / slices))
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


def _pace(run: Path) -> float:
    """Return the slices a second of a run: the median of its steps, which leaves compiling out."""
    with (run / "metrics.csv").open(newline="") as file:
        return statistics.median(float(row["slices_per_second"]) for row in csv.DictReader(file))


def _pack(work: Path, arguments: argparse.Namespace) -> None:
    """Choose the threshold, write the float16 weights, test them, float32 and PET thresholds."""
    import torch

    from cipa import load_model
    from cipa.data.layout import read_ids
    from cipa.inference.predictor import Predictor
    from held_out import PET_CANDIDATES, PROBABILITY_CANDIDATES, choose, mean_scores, read_patients, segment

    held = work / "held-out"
    full = load_model(work / "stage-2" / "last")
    tuning, tested = (
        read_patients(held, read_ids(held, split), arguments.size) for split in ("train", "test")
    )

    predictor = Predictor(full, arguments.device, batch_size=16)
    threshold, smallest = choose(
        [segment(predictor, each) for each in tuning], tuning, PROBABILITY_CANDIDATES
    )
    grey, hot = choose([each.pet for each in tuning], tuning, PET_CANDIDATES)
    scores: dict[str, Any] = {
        "float32": mean_scores([segment(predictor, each) >= threshold for each in tested], tested, smallest),
        "pet": mean_scores([each.pet >= grey for each in tested], tested, hot),
    }

    folder = work / "nano"
    shutil.rmtree(folder, ignore_errors=True)
    half = {name: _half(tensor) for name, tensor in full.state_dict().items()}
    config = full.config.replaced(threshold=float(threshold), smallest_ml=float(smallest))
    _save(folder, half, config)
    packed = Predictor(load_model(folder), arguments.device, batch_size=16)
    found = [segment(packed, each) >= threshold for each in tested]
    scores["float16"] = mean_scores(found, tested, smallest)

    about = {
        "patients": arguments.patients,
        "slices": len(read_ids(work / "training", "train")),
        "tuning_patients": arguments.tuning_patients,
        "test_patients": arguments.test_patients,
        "size": arguments.size,
        "parameters": sum(parameter.numel() for parameter in full.parameters()),
        "megabytes": (folder / "model.safetensors").stat().st_size / 1e6,
        "threshold": config.threshold,
        "smallest_ml": config.smallest_ml,
        "pet_suv": float(grey) / 255 * config.suv_max,
        "pet_smallest_ml": float(hot),
        "torch": torch.__version__,
        "recipe": "".join(
            (work / stage / "config.yaml").read_text(encoding="utf-8").replace(str(work), "WORK")
            for stage in STAGES
        ),
    }
    (folder / "MODEL_CARD.md").write_text(model_card(about, scores), encoding="utf-8", newline="\n")
    summary = {key: value for key, value in about.items() if key != "recipe"} | {"scores": scores}
    (work / "scores.json").write_text(json.dumps(summary, indent=2) + "\n")
    print(json.dumps(summary, indent=2))
    print(f"written: {folder}")


def _half(tensor: Any) -> Any:
    import torch

    if not tensor.is_floating_point():
        return tensor.cpu().contiguous()
    half = tensor.to(torch.float16).cpu().contiguous()
    if not torch.isfinite(half).all():
        raise SystemExit("a weight does not fit float16: train with another rate")
    return half


def _save(folder: Path, tensors: dict[str, Any], config: Any) -> None:
    from dataclasses import asdict

    from safetensors.torch import save_file

    folder.mkdir(parents=True)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "model.safetensors").chmod(0o644)
    (folder / "config.json").write_text(json.dumps(asdict(config), indent=2) + "\n")


if __name__ == "__main__":
    main()
