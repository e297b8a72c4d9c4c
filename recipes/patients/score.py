"""Whole patients through a network on its device, and their scores."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch.nn import functional as F

from recipes.patients.fields import cut_fields
from recipes.patients.intensity import to_network
from recipes.patients.recipe import STILL, Recipe
from recipes.patients.volumes import Volumes

FLIPS = ((), (-1,), (-2,), (-2, -1))


def predict(
    model: Any, volumes: Volumes, place: int, recipe: Recipe, *, flips: bool = False, batch: int = 32
) -> NDArray[np.float32]:
    """Return the probability of tumour of a patient, (S, C, C) on its canvas."""
    own = volumes.slices_of(place)
    device = volumes.ct.device
    slices = getattr(model.config, "slices", 1)
    largest = float(volumes.extent[place].max())
    pixel = max(recipe.pixel, largest / recipe.size)
    still = replace(recipe, pixel=pixel, variation=STILL)
    maps = []
    with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
        for start in range(own.start, own.stop, batch):
            index = torch.arange(start, min(start + batch, own.stop), device=device)
            ct, pet, _ = to_network(cut_fields(volumes, index, still, slices), still, vary=False)
            answers = [
                model(ct.flip(axes), pet.flip(axes)).float().sigmoid().flip(axes)
                for axes in (FLIPS if flips else FLIPS[:1])
            ]
            maps.append(_back(torch.stack(answers).mean(0), volumes, pixel))
    return torch.cat(maps)[:, 0].cpu().numpy()


def _back(maps: torch.Tensor, volumes: Volumes, pixel: float) -> torch.Tensor:
    side = volumes.ct.shape[-1]
    axis = ((torch.arange(side, device=maps.device) + 0.5) / side * 2 - 1) * (side * volumes.pixel)
    axis = axis / (maps.shape[-1] * pixel)
    grid = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), -1)[None].expand(len(maps), -1, -1, -1)
    return F.grid_sample(maps, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def score(
    probability: NDArray[np.float32],
    truth: NDArray[np.uint8],
    spacing: tuple[float, float, float],
    thresholds: Iterable[float] = (0.5,),
    smallest_ml: Iterable[float] = (0.0,),
) -> list[dict[str, float]]:
    """Score a patient at every threshold and smallest lesion: counts on tumour slices and of the whole volume."""
    shows = truth.any((1, 2))
    voxel = float(np.prod(spacing)) / 1000
    rows = []
    true_parts, true_count = ndimage.label(truth, np.ones((3, 3, 3)))
    for threshold in thresholds:
        mask = probability >= threshold
        parts, count = ndimage.label(mask, np.ones((3, 3, 3)))
        sizes = np.bincount(parts.ravel(), minlength=count + 1) * voxel
        for least in smallest_ml:
            kept = sizes >= least
            kept[0] = False
            final = kept[parts]
            tp, slab = int((final & (truth > 0)).sum()), mask[shows]
            met = np.unique(parts[final & (truth > 0)])
            rows.append(
                {
                    "threshold": threshold,
                    "smallest_ml": least,
                    "tp": int((slab & (truth[shows] > 0)).sum()),
                    "fp": int((slab & (truth[shows] == 0)).sum()),
                    "fn": int((~slab & (truth[shows] > 0)).sum()),
                    "dice": 2 * tp / max(1, int(final.sum()) + int((truth > 0).sum())),
                    "false_ml": float(sizes[1:][kept[1:]].sum() - sizes[met].sum()),
                    "lesions": true_count,
                    "found": len(np.unique(true_parts[final & (truth > 0)])),
                    "predicted": int(kept.sum()),
                    "right": len(met),
                }
            )
    return rows
