"""One job of a queue: train, keep the weights, score what the network did not learn from."""

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from recipes.patients.prepare import read_files
from recipes.patients.recipe import recipe_from
from recipes.patients.score import predict, score
from recipes.patients.train import fit
from recipes.patients.volumes import Volumes, load_volumes

THRESHOLDS = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
SMALLEST = (0.0, 0.3, 1.0, 3.0)


def run_job(job: dict[str, Any], work: Path, out: Path) -> dict[str, Any]:
    """Do one job and write OUT/NAME.json, and by its "keep" NAME.safetensors and NAME-maps.npz.

    Args:
        job: name, recipe, fold [k, n] of the patients to hold out, keep ("weights", "maps").
        work: folder of sts/ (learnt from, but for the fold), test/, phantoms/, and phantoms that are not
            learnt from: phantoms-held/, by which a threshold is chosen, and phantoms-unseen/.
        out: where to.
    """
    began = time.monotonic()
    out.mkdir(parents=True, exist_ok=True)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    recipe = recipe_from(job["recipe"])
    learnt, held = split(work / "sts", job.get("fold"))

    def sources() -> tuple[Volumes | None, Volumes | None]:
        patients = load_volumes(read_files(work / "sts", learnt), device) if recipe.patients > 0 else None
        if recipe.patients == 1:
            return patients, None
        _wait_for(work / "phantoms" / ".done", job.get("patience", 0.0))
        return patients, load_volumes(read_files(work / "phantoms"), device)

    end = job["started"] + job["end"] if "end" in job else None
    start = work / recipe.start / "model.safetensors" if recipe.start else None
    model, run = fit(
        recipe, sources, device, lambda *each: print(*each, flush=True), end, start, job.get("again", ())
    )
    result = {
        "name": job["name"],
        "fold": job.get("fold"),
        "recipe": asdict(recipe),
        **run,
        "phantoms_learnt": len(list((work / "phantoms").glob("*.npz"))) if recipe.patients < 1 else 0,
    }
    result["parameters"] = sum(parameter.numel() for parameter in model.parameters())
    if device.type == "cuda":
        result |= {"gpu": torch.cuda.get_device_name(), "memory_mib": torch.cuda.max_memory_allocated() >> 20}
    keep = job.get("keep", ())
    if "weights" in keep:
        _keep_weights(model, out / job["name"])
    _write(out / f"{job['name']}.json", result)
    sets = {
        "sts": (work / "sts", held),
        "test": (work / "test", None),
        "phantoms": (work / "phantoms-held", None),
        "unseen": (work / "phantoms-unseen", None),
    }
    for name in job.get("score", ("sts",)):
        folder, names = sets[name]
        if (names is None or names) and folder.is_dir():
            volumes = load_volumes(read_files(folder, names), device)
            maps = {
                patient: predict(model, volumes, place, recipe, flips=job.get("flips", False))
                for place, patient in enumerate(volumes.names)
            }
            if "maps" in keep:
                steps = {patient: np.rint(each * 15).astype(np.uint8) for patient, each in maps.items()}
                np.savez_compressed(out / f"{job['name']}-{name}.npz", **steps)
            result[name] = score_all(maps, volumes)
            _write(out / f"{job['name']}.json", result)
    result["all_seconds"] = round(time.monotonic() - began, 1)
    _write(out / f"{job['name']}.json", result)
    return result


def _wait_for(path: Path, patience: float) -> None:
    """Return when a file is there, or after `patience` seconds."""
    began = time.monotonic()
    while not path.exists() and time.monotonic() - began < patience:
        time.sleep(0.5)


def split(folder: Path, fold: list[int] | None) -> tuple[list[str], list[str]]:
    """Return patients to learn from and to hold out: every n-th from the k-th on, in the order of names."""
    names = sorted(path.stem for path in folder.glob("*.npz"))
    held = names[fold[0] :: fold[1]] if fold else []
    return [name for name in names if name not in held], held


def score_all(maps: dict[str, NDArray[np.float32]], volumes: Volumes) -> dict[str, list[dict[str, float]]]:
    """Score every patient's probabilities, as `predict` returns them, at all thresholds and least sizes."""
    rows = {}
    for place, name in enumerate(volumes.names):
        own = volumes.slices_of(place)
        spacing = (volumes.thickness[place], volumes.pixel, volumes.pixel)
        truth = volumes.mask[own.start : own.stop].cpu().numpy()
        rows[name] = score(maps[name], truth, spacing, THRESHOLDS, SMALLEST)
    return rows


def _keep_weights(model: Any, folder: Path) -> None:
    from safetensors.torch import save_file

    from cipa.models.pretrained import CONFIG_NAME

    folder.mkdir(parents=True, exist_ok=True)
    half = {
        name: (t.half() if t.is_floating_point() else t).cpu().contiguous()
        for name, t in model.state_dict().items()
    }
    save_file(half, folder / "model.safetensors", metadata={"format": "pt"})
    (folder / CONFIG_NAME).write_text(json.dumps(asdict(model.config), indent=2) + "\n")


def _write(path: Path, result: dict[str, Any]) -> None:
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(result))
    partial.replace(path)
