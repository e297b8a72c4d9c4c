"""Whole phantom patients that were held out: read, segmented as `cipa predict` does, and scored."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from cipa.data.layout import patient_of
from cipa.data.pclt20k import PCLT20K
from cipa.data.spacing import find_spacings
from cipa.inference.predictor import Predictor
from cipa.io.plane import fit_plane
from cipa.parallel import Run
from held_scores import NAMES, Case, Least, score_cases

PROBABILITY_CANDIDATES = (0.2, 0.35, 0.5, 0.65, 0.8, 0.9)
LEAST_CANDIDATES = tuple(itertools.product((0.0, 0.1, 0.2, 0.4, 0.8), (0.0, 6.0, 9.0)))
"""Volumes in mL (a ball of 7 mm, the smallest tumour that is drawn, has 0.18) and lengths across slices in mm
(two slices have 6.5)."""
PET_CANDIDATES = tuple(range(26, 110, 7))
"""Greys: SUV 2 to 8."""


@dataclass(frozen=True)
class HeldOut:
    """A patient's whole thorax, uint8 (S, H, W) each; `mask` is 1 in tumour; `spacing`, z, y and x in mm."""

    name: str
    ct: np.ndarray
    pet: np.ndarray
    mask: np.ndarray
    spacing: tuple[float, float, float]

    def case(self, values: np.ndarray) -> Case:
        """Return a map of this patient, (S, H, W), with what it should give."""
        return Case(values, self.mask, self.spacing)


def read_patients(data: Path, ids: Sequence[str], size: int) -> list[HeldOut]:
    """Read the slices `ids` of a data set that holds every slice of its patients."""
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda group: _read(data, group, size), _by_patient(ids)))


def segment(predictor: Predictor, patients: Iterable[HeldOut]) -> Iterator[Case]:
    """Yield each patient's probability of tumour, float16, on the patient's own pixels."""
    for patient in patients:
        plane = fit_plane(patient.ct.shape[1:], patient.spacing[1:], predictor.image_size)
        images = (plane.to_network(grey) for grey in (patient.ct, patient.pet))
        yield patient.case(plane.to_source(predictor.predict_slices(*images)).astype(np.float16))


def choose(
    run: Run, cases: Iterable[Case], candidates: Sequence[float], leasts: Sequence[Least]
) -> tuple[float, Least]:
    """Return the level and least lesion that do best: the first of those with the highest Dice and F1."""
    scores = score_cases(run, cases, candidates, leasts)
    means = (scores[..., NAMES.index("dice")] + scores[..., NAMES.index("lesion_f1")]).mean(axis=0)
    level, least = np.unravel_index(int(np.argmax(means)), means.shape)
    return candidates[level], leasts[least]


def mean_scores(run: Run, cases: Iterable[Case], level: float, least: Least) -> dict[str, float]:
    """Return means over patients of the 3-D Dice and of the lesions' F1, sensitivity and precision.

    A patient in whom nothing is predicted counts 0 for Dice and F1, and is left out of precision alone.
    """
    rows = score_cases(run, cases, (level,), (least,))[:, 0, 0]
    known = {name: values[~np.isnan(values)] for name, values in zip(NAMES, rows.T, strict=True)}
    return {name: float(np.mean(values)) if len(values) else float("nan") for name, values in known.items()}


def _by_patient(ids: Sequence[str]) -> Iterator[list[str]]:
    for _, group in groupby(sorted(ids), key=patient_of):
        yield list(group)


def _read(data: Path, ids: list[str], size: int) -> HeldOut:
    slices: list[Any] = list(map(PCLT20K(data, ids, size).__getitem__, range(len(ids))))
    images = (np.concatenate([each[kind].numpy() for each in slices]) for kind in ("ct", "pet", "mask"))
    name = patient_of(ids[0])
    return HeldOut(name, *images, find_spacings(data, [name])[name])
