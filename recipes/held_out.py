"""Whole phantom patients that were held out: read, segmented, and scored in three dimensions."""

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np

from cipa.data.layout import patient_of
from cipa.data.parallel import processors, runner
from cipa.data.pclt20k import PCLT20K
from cipa.data.spacing import find_spacings
from cipa.evaluation.counts import Counts
from cipa.evaluation.lesions import match_lesions
from cipa.inference.labelling import label_lesions
from cipa.inference.predictor import Predictor

PROBABILITY_CANDIDATES = (0.2, 0.35, 0.5, 0.65, 0.8, 0.9)
SMALLEST_CANDIDATES = (0.0, 0.1, 0.2, 0.4, 0.8)
"""Volumes in mL; 0.18 mL is a ball of 7 mm, the smallest tumour that is drawn."""
PET_CANDIDATES = tuple(range(26, 110, 7))
"""Greys: SUV 2 to 8."""


@dataclass(frozen=True)
class HeldOut:
    """A patient's whole thorax, uint8 (S, H, W) each; `mask` is 1 in tumour; `voxel_ml`, of a voxel."""

    name: str
    ct: np.ndarray
    pet: np.ndarray
    mask: np.ndarray
    voxel_ml: float


def read_patients(data: Path, ids: Sequence[str], size: int) -> list[HeldOut]:
    """Read the slices `ids` of a data set that holds every slice of its patients."""
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda group: _read(data, group, size), _by_patient(ids)))


def segment(predictor: Predictor, patient: HeldOut) -> np.ndarray:
    """Return the probability of tumour, float16 (S, H, W): 20 patients then take 0.9 GB."""
    return predictor.predict_slices(patient.ct, patient.pet).astype(np.float16)


def choose(
    maps: Sequence[np.ndarray], patients: Sequence[HeldOut], candidates: Sequence[float]
) -> tuple[float, float]:
    """Return the level and smallest lesion (mL) that do best: highest mean of Dice and lesion F1."""
    jobs = [
        (each >= candidate, patient, SMALLEST_CANDIDATES)
        for candidate in candidates
        for each, patient in zip(maps, patients, strict=True)
    ]
    sums = np.array([[one["dice"] + one["lesion_f1"] for one in rows] for rows in _score_all(jobs)])
    means = sums.reshape(len(candidates), len(maps), -1).mean(axis=1)
    level, smallest = np.unravel_index(int(np.argmax(means)), means.shape)
    return candidates[level], SMALLEST_CANDIDATES[smallest]


def mean_scores(
    predictions: Sequence[np.ndarray], patients: Sequence[HeldOut], smallest_ml: float = 0.0
) -> dict[str, float]:
    """Return means over patients of the 3-D Dice and of the lesions' F1, sensitivity and precision.

    As `cipa.evaluation.volume_scores` defines them: a lesion is found by any overlap, and every predicted
    component of `smallest_ml` or more without one counts against.
    """
    pairs = zip(predictions, patients, strict=True)
    rows = [rows[0] for rows in _score_all([(each, patient, (smallest_ml,)) for each, patient in pairs])]
    known = {name: [row[name] for row in rows if not np.isnan(row[name])] for name in rows[0]}
    return {name: float(np.mean(values)) if values else float("nan") for name, values in known.items()}


Job = tuple[np.ndarray, HeldOut, Sequence[float]]
"""A prediction, its patient, and the smallest volumes to try."""


def _score_all(jobs: Sequence[Job]) -> list[list[dict[str, Any]]]:
    """Score predictions in processes: finding components takes a second a thorax."""
    with runner(min(processors(), len(jobs))) as run:
        small = (
            (index, np.packbits(each), one.mask > 0, one.voxel_ml, tried)
            for index, (each, one, tried) in enumerate(jobs)
        )
        rows = dict(run(_score, small))
    return [rows[index] for index in range(len(jobs))]


def _score(
    job: tuple[int, np.ndarray, np.ndarray, float, Sequence[float]],
) -> tuple[int, list[dict[str, Any]]]:
    index, packed, truth, voxel_ml, tried = job
    prediction = np.unpackbits(packed, count=truth.size).reshape(truth.shape)
    labels, _ = label_lesions(prediction)
    volumes = np.bincount(labels.ravel()) * voxel_ml
    return index, [_row((labels > 0) & (volumes >= smallest)[labels], truth) for smallest in tried]


def _row(prediction: np.ndarray, truth: np.ndarray) -> dict[str, Any]:
    lesions = match_lesions(prediction, truth)
    return {
        "dice": Counts.of(prediction, truth).dice,
        "lesion_f1": lesions.f1,
        "lesion_sensitivity": lesions.sensitivity,
        "lesion_precision": lesions.precision,
    }


def _by_patient(ids: Sequence[str]) -> Iterator[list[str]]:
    for _, group in groupby(sorted(ids), key=patient_of):
        yield list(group)


def _read(data: Path, ids: list[str], size: int) -> HeldOut:
    slices: list[Any] = list(map(PCLT20K(data, ids, size).__getitem__, range(len(ids))))
    images = (np.concatenate([each[kind].numpy() for each in slices]) for kind in ("ct", "pet", "mask"))
    voxel_ml = math.prod(find_spacings(data, [patient_of(ids[0])])[patient_of(ids[0])]) / 1000
    return HeldOut(patient_of(ids[0]), *images, voxel_ml)
