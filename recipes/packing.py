"""The last step: a threshold is chosen, the weights are rounded and tested, and their card is written."""

import argparse
import json
import shutil
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from cipa import load_model
from cipa.data.layout import Split, read_ids
from cipa.inference.predictor import Predictor
from cipa.parallel import Run, processors, runner
from held_out import (
    LEAST_CANDIDATES,
    PET_CANDIDATES,
    PROBABILITY_CANDIDATES,
    HeldOut,
    choose,
    mean_scores,
    read_patients,
    segment,
)
from held_scores import Least
from model_card import model_card
from phantom_sets import Part

BATCH = 16


def pack(work: Path, held: Sequence[Part], arguments: argparse.Namespace) -> None:
    """Choose the threshold, write the float16 weights, test them, float32 and PET thresholds.

    Args:
        work: where stage-2 and training are, and nano and scores.json go.
        held: patients held out, drawn.
        arguments: of the script.
    """
    tuning, tested = read_held(held, "train"), read_held([part for part in held if part.tested], "test")
    full = load_model(work / "stage-2" / "last")
    with runner(processors()) as run, ThreadPoolExecutor(1) as beside:
        on_pet = beside.submit(_pet, run, tuning, tested)
        predictor = Predictor(full, arguments.device, batch_size=BATCH)
        maps = segment(predictor, tuning)
        threshold, least = choose(run, maps, PROBABILITY_CANDIDATES, LEAST_CANDIDATES)
        scores = {"float32": mean_scores(run, segment(predictor, tested), threshold, least)}
        folder = _write(work / "nano", full, threshold, least)
        packed = Predictor(load_model(folder), arguments.device, batch_size=BATCH)
        scores["float16"] = mean_scores(run, segment(packed, tested), threshold, least)
        grey, hot, scores["pet"] = on_pet.result()

    config = packed.config
    about = {
        "patients": arguments.patients,
        "slices": len(read_ids(work / "training", "train")),
        "tuning_patients": len(tuning),
        "test_patients": len(tested),
        "size": config.image_size,
        "study_size": arguments.study_size,
        "parameters": sum(parameter.numel() for parameter in full.parameters()),
        "megabytes": (folder / "model.safetensors").stat().st_size / 1e6,
        "threshold": config.threshold,
        "smallest_ml": config.smallest_ml,
        "shortest_mm": config.shortest_mm,
        "pet_suv": float(grey) / 255 * config.suv_max,
        "pet_smallest_ml": hot[0],
        "pet_shortest_mm": hot[1],
        "torch": torch.__version__,
    }
    recipe = "".join(
        (work / stage / "config.yaml").read_text(encoding="utf-8").replace(str(work), "WORK")
        for stage in ("stage-1", "stage-2")
    )
    card = model_card(about | {"recipe": recipe}, scores)
    (folder / "MODEL_CARD.md").write_text(card, encoding="utf-8", newline="\n")
    summary = json.dumps(about | {"scores": scores}, indent=2)
    (work / "scores.json").write_text(summary + "\n")
    print(f"{summary}\nwritten: {folder}")


def read_held(held: Sequence[Part], split: Split) -> list[HeldOut]:
    """Return the patients that a split of each of these parts lists."""
    return [
        one for part in held for one in read_patients(part.folder, read_ids(part.folder, split), part.size)
    ]


def _pet(
    run: Run, tuning: Sequence[HeldOut], tested: Sequence[HeldOut]
) -> tuple[float, Least, dict[str, float]]:
    """Return the best grey and least lesion of a threshold on PET, and what they score."""
    cases = (each.case(each.pet) for each in tuning)
    grey, least = choose(run, cases, PET_CANDIDATES, LEAST_CANDIDATES)
    return grey, least, mean_scores(run, (each.case(each.pet) for each in tested), grey, least)


def _write(folder: Path, model: Any, threshold: float, least: Least) -> Path:
    """Write the weights in float16 and their configuration into a new folder; return it."""
    from safetensors.torch import save_file

    tensors = half(model.state_dict())
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / "model.safetensors").chmod(0o644)
    smallest_ml, shortest_mm = least
    config = model.config.replaced(
        threshold=float(threshold), smallest_ml=smallest_ml, shortest_mm=shortest_mm
    )
    (folder / "config.json").write_text(json.dumps(asdict(config), indent=2) + "\n")
    return folder


def half(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Round to float16 on the CPU; numbers that are no fractions stay.

    Raises:
        SystemExit: a weight does not fit.
    """
    rounded = {
        name: (tensor.to(torch.float16) if tensor.is_floating_point() else tensor).cpu().contiguous()
        for name, tensor in tensors.items()
    }
    if not all(torch.isfinite(tensor).all() for tensor in rounded.values()):
        raise SystemExit("a weight does not fit float16: train with another rate")
    return rounded
