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
    """Score a patient at every threshold and smallest lesion.

    `tp`, `fp` and `fn` are of the slices that show tumour, small lesions included, as published; all else is
    of the whole volume.
    """
    voxel = float(np.prod(spacing)) / 1000
    truth = truth > 0
    box = next(iter(ndimage.find_objects((truth | (probability >= min(thresholds))).view(np.uint8))), None)
    probability, truth = (probability[box], truth[box]) if box else (probability, truth)
    shows = truth.any((1, 2))
    true_parts, true_count = ndimage.label(truth, np.ones((3, 3, 3)))
    rows = []
    for threshold in thresholds:
        mask = probability >= threshold
        parts, count = _label(mask)
        sizes = np.bincount(parts.ravel(), minlength=count + 1)
        hits = np.bincount(parts[truth], minlength=count + 1)
        pairs = np.unique(np.stack([parts[truth], true_parts[truth]]), axis=1)
        slab, true_slab = mask[shows], truth[shows]
        both = int((slab & true_slab).sum())
        for least in smallest_ml:
            kept = sizes * voxel >= least
            kept[0] = False
            tp, right = int(hits[kept].sum()), kept & (hits > 0)
            rows.append(
                {
                    "threshold": threshold,
                    "smallest_ml": least,
                    "tp": both,
                    "fp": int(slab.sum()) - both,
                    "fn": int(true_slab.sum()) - both,
                    "dice": 2 * tp / max(1, int(sizes[kept].sum()) + int(truth.sum())),
                    "false_ml": round(float(sizes[kept & (hits == 0)].sum() * voxel), 2),
                    "truth_ml": round(float(truth.sum() * voxel), 2),
                    "lesions": true_count,
                    "found": len(np.unique(pairs[1][kept[pairs[0]]])),
                    "predicted": int(kept.sum()),
                    "right": int(right.sum()),
                }
            )
    return rows


def _label(mask: NDArray[np.bool_]) -> tuple[NDArray[np.int32], int]:
    """Number the 26-connected components of a mask, looking only where there are any."""
    parts = np.zeros(mask.shape, np.int32)
    box = next(iter(ndimage.find_objects(mask.view(np.uint8))), None)
    if box is None:
        return parts, 0
    parts[box], count = ndimage.label(mask[box], np.ones((3, 3, 3)))
    return parts, count
