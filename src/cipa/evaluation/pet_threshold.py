"""PET thresholds, which a clinic would use without a network, scored like any other mask.

| rule | tumour is PET at or above |
|---|---|
| `41%` | that share of the patient's own maximum over the slices given (Boellaard et al., EJNMMI 2015) |
| `2.5` | that SUV, for every patient |
| `tuned` | the one SUV with the highest pooled Dice on the training slices |
"""

import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cipa.data.intensity import grey_to_suv, suv_to_grey
from cipa.data.layout import image_path, patient_of
from cipa.errors import UsageError
from cipa.evaluation.threshold_baseline import best_grey, read_histograms
from cipa.io.png import read_grey

WHITE = 255

BLACK = 1e-6
"""Lowest threshold: grey 0 is never tumour."""


@dataclass(frozen=True)
class PetThreshold:
    """A rule applied to a set of patients.

    Attributes:
        rule: in words.
        greys: patient to the PET's grey from which a pixel is tumour.
        suvs: the same as SUV, where the scale is known.
        saturated: patients whose maximum is white: what was brighter is lost, and a share of it too low.
    """

    rule: str
    greys: dict[str, float]
    suvs: dict[str, float]
    saturated: list[str]


def pet_threshold(
    root: str | os.PathLike[str],
    ids: Sequence[str],
    rule: str,
    tuned_on: Sequence[str] = (),
    suv_max: float | None = None,
    tuned_root: str | os.PathLike[str] | None = None,
    scaling: str = "linear",
) -> PetThreshold:
    """Turn a rule into a threshold for each patient.

    Args:
        root: a data set's folder in PCLT20K layout.
        ids: the slices that will be segmented.
        rule: as the module's table has them.
        tuned_on: the training slices, for `tuned`.
        suv_max: the SUV that grey 255 stands for; needed for a SUV, only shown for the others.
        tuned_root: the folder of the training slices, of the same scale; by default `root`.
        scaling: how SUV became grey, of `cipa.data.intensity.PET_SCALINGS`.

    Raises:
        UsageError: the rule is none of these, or needs a scale that is not known.
        DataError: an image cannot be read.
    """
    patients = sorted({patient_of(slice_id) for slice_id in ids})
    saturated: list[str] = []
    if rule == "tuned":
        grey = float(best_grey(read_histograms(tuned_root or root, tuned_on)))
        greys, words = dict.fromkeys(patients, grey), "the SUV that is best on the training slices"
    elif rule.endswith("%"):
        share = _number(rule[:-1], rule, 100) / 100
        brightest = _brightest(root, ids)
        if scaling != "linear" and suv_max is None:
            raise UsageError(f"--pet-threshold {rule}: say which SUV is white, with --suv-max")
        greys = {
            patient: share * brightest[patient]
            if scaling == "linear" or suv_max is None
            else suv_to_grey(share * grey_to_suv(brightest[patient], suv_max, scaling), suv_max, scaling)
            for patient in patients
        }
        saturated = [patient for patient in patients if brightest[patient] == WHITE]
        words = f"{rule[:-1]} % of the patient's maximum"
    else:
        suv = _number(rule, rule)
        if suv_max is None:
            raise UsageError(f"--pet-threshold {rule}: say which SUV is white, with --suv-max")
        greys, words = dict.fromkeys(patients, suv_to_grey(suv, suv_max, scaling)), f"SUV {suv:g}"
    suvs = (
        {} if suv_max is None else {name: grey_to_suv(grey, suv_max, scaling) for name, grey in greys.items()}
    )
    return PetThreshold(f"PET at or above {words}", greys, suvs, saturated)


class ThresholdSegmenter:
    """A `Segmenter` that calls tumour whatever of a PET reaches the threshold of its patient."""

    def __init__(self, greys: Mapping[str, float]) -> None:
        """Take the grey of each patient, as `PetThreshold.greys` has them."""
        self.greys = greys

    def __call__(self, ids: Sequence[str], ct: np.ndarray, pet: np.ndarray) -> np.ndarray:
        """Return bool (S, H, W) of PET (S, H, W)."""
        thresholds = [max(self.greys[patient_of(slice_id)], BLACK) for slice_id in ids]
        return pet >= np.array(thresholds)[:, None, None]


def _brightest(root: str | os.PathLike[str], ids: Sequence[str]) -> dict[str, int]:
    found: defaultdict[str, int] = defaultdict(int)
    for slice_id in ids:
        grey = int(read_grey(image_path(root, slice_id, "PET")).max())
        found[patient_of(slice_id)] = max(found[patient_of(slice_id)], grey)
    return found


def _number(text: str, rule: str, highest: float = float("inf")) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value <= highest or value == float("inf"):
        raise UsageError(
            f"--pet-threshold {rule}: give a SUV as 2.5, a share of the maximum as 41%, or tuned"
        )
    return value
