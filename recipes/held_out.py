"""Whole phantom patients that were held out: read, segmented, and scored in three dimensions."""

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
from cipa.evaluation.counts import Counts
from cipa.evaluation.lesions import match_lesions
from cipa.inference.predictor import Predictor

PROBABILITY_CANDIDATES = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
PET_CANDIDATES = tuple(range(26, 110, 7))
"""Greys: SUV 2 to 8."""


@dataclass(frozen=True)
class HeldOut:
    """A patient's whole thorax, uint8 (S, H, W) each; `mask` is 1 in tumour."""

    name: str
    ct: np.ndarray
    pet: np.ndarray
    mask: np.ndarray


def read_patients(data: Path, ids: Sequence[str], size: int) -> list[HeldOut]:
    """Read the slices `ids` of a data set that holds every slice of its patients."""
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda group: _read(data, group, size), _by_patient(ids)))


def segment(predictor: Predictor, patient: HeldOut) -> np.ndarray:
    """Return the probability of tumour, float16 (S, H, W): 20 patients then take 0.9 GB."""
    return predictor.predict_slices(patient.ct, patient.pet).astype(np.float16)


def choose(maps: Sequence[np.ndarray], patients: Sequence[HeldOut], candidates: Sequence[float]) -> float:
    """Return the candidate from which `maps` agree best: highest mean of Dice and lesion F1."""
    jobs = [
        (each >= candidate, patient.mask > 0)
        for candidate in candidates
        for each, patient in zip(maps, patients, strict=True)
    ]
    rows = _score_all(jobs)
    sums = np.array([row["dice"] + row["lesion_f1"] for row in rows]).reshape(len(candidates), len(maps))
    return candidates[int(np.argmax(sums.mean(axis=1)))]


def mean_scores(predictions: Sequence[np.ndarray], patients: Sequence[HeldOut]) -> dict[str, float]:
    """Return means over patients of the 3-D Dice and of the lesions' F1, sensitivity and precision.

    As `cipa.evaluation.volume_scores` defines them: a lesion is found by any overlap, and every predicted
    component without one counts against, whatever its size.
    """
    rows = _score_all([(each, patient.mask > 0) for each, patient in zip(predictions, patients, strict=True)])
    known = {name: [row[name] for row in rows if not np.isnan(row[name])] for name in rows[0]}
    return {name: float(np.mean(values)) if values else float("nan") for name, values in known.items()}


def _score_all(pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> list[dict[str, Any]]:
    """Score pairs of prediction and truth in processes: finding components takes a second a thorax."""
    with runner(min(processors(), len(pairs))) as run:
        rows = dict(run(_score, enumerate(pairs)))
    return [rows[index] for index in range(len(pairs))]


def _score(job: tuple[int, tuple[np.ndarray, np.ndarray]]) -> tuple[int, dict[str, Any]]:
    index, (prediction, truth) = job
    lesions = match_lesions(prediction, truth)
    return index, {
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
    return HeldOut(patient_of(ids[0]), *images)
