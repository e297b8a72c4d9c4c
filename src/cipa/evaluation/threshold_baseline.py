"""Scores of PET thresholds alone: what a network has to beat.

Three rules of nuclear medicine: one SUV for all (2.5), a share of the slice's own maximum (41 %, Boellaard
et al., EJNMMI 2015), and the one SUV that scores best on the training slices. Dice is pooled over pixels,
as in the paper's protocol. Grey histograms hold all it takes: each image is read once.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cipa.data.layout import FOREGROUND, image_path
from cipa.errors import DataError
from cipa.io.png import read_grey
from cipa.modalities import SUV_MAX

FIXED_SUV = 2.5
"""The commonest fixed threshold in the literature."""

SHARE_OF_MAXIMUM = 0.41
"""The relative threshold of the EANM procedure guideline."""

_GREYS = 256

Histograms = NDArray[np.int64]
"""Pixels by slice, by 0 (healthy) or 1 (tumour), and by grey of the PET: (n, 2, 256)."""


@dataclass(frozen=True)
class ThresholdScore:
    """One rule and what it reaches: `rule` in words, `dice` in [0, 1] (NaN without any tumour)."""

    rule: str
    dice: float


def threshold_baseline(
    root: str | os.PathLike[str], ids: Sequence[str], tuned_on: Sequence[str] = (), suv_max: float = SUV_MAX
) -> list[ThresholdScore]:
    """Score PET thresholds on slices in PCLT20K layout.

    Args:
        root: the data set's folder.
        ids: the slices to score.
        tuned_on: other slices, on which the best threshold is looked for; without any, that rule is left out.
        suv_max: the SUV that grey 255 stands for.

    Returns:
        A score a rule: fixed, share of the maximum, and tuned.

    Raises:
        DataError: a PET or a mask cannot be read, or the two differ in size.
    """
    slices = read_histograms(root, ids)
    scores = [
        ThresholdScore(f"PET above SUV {FIXED_SUV:g}", dice_above(slices, _grey_of(FIXED_SUV, suv_max))),
        ThresholdScore(f"PET above {SHARE_OF_MAXIMUM:.0%} of the slice's maximum", _dice_of_share(slices)),
    ]
    if tuned_on:
        grey = best_grey(read_histograms(root, tuned_on))
        rule = f"PET above SUV {grey * suv_max / 255:.1f}, the best on the training slices"
        scores.append(ThresholdScore(rule, dice_above(slices, grey)))
    return scores


def read_histograms(root: str | os.PathLike[str], ids: Sequence[str]) -> Histograms:
    """Count the greys of PET inside and outside the mask of each slice: (n, 2, 256).

    Raises:
        DataError: a PET or a mask cannot be read, or the two differ in size.
    """
    counts = np.zeros((len(ids), 2, _GREYS), np.int64)
    for slice_counts, name in zip(counts, ids, strict=True):
        pet, mask = (read_grey(image_path(root, name, image)) for image in ("PET", "mask"))
        if pet.shape != mask.shape:
            raise DataError(
                f"{name}: PET is {pet.shape} and mask {mask.shape} pixels; they must be of one size"
            )
        joint = pet.astype(np.int64) + _GREYS * (mask >= FOREGROUND)
        slice_counts[:] = np.bincount(joint.ravel(), minlength=2 * _GREYS).reshape(2, _GREYS)
    return counts


def best_grey(slices: Histograms) -> int:
    """Return the grey at or above which PET agrees best with the masks, pooled over `slices`."""
    return int(np.argmax([dice_above(slices, grey) for grey in range(1, _GREYS)])) + 1


def dice_above(slices: Histograms, grey: NDArray[np.float64] | float) -> float:
    """Return the pooled Dice of the pixels at or above `grey`, one number or one a slice (n,)."""
    called = np.arange(_GREYS) >= np.broadcast_to(grey, len(slices))[:, None]
    tumour, positive = slices[:, 1].sum(), (slices * called[:, None]).sum()
    found = (slices[:, 1] * called).sum()
    return float(2 * found / (tumour + positive)) if tumour + positive else float("nan")


def _dice_of_share(slices: Histograms) -> float:
    brightest = _GREYS - 1 - np.argmax(slices.sum(1)[:, ::-1] > 0, axis=1)
    return dice_above(slices, SHARE_OF_MAXIMUM * brightest)


def _grey_of(suv: float, suv_max: float) -> float:
    return suv / suv_max * 255
