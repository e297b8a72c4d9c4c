"""Pictures of a finished run: its curves, and the best weights' outlines on held-out slices."""

from typing import Any

import numpy as np
import torch

from cipa.data.neighbours import middle_slice
from cipa.data.pclt20k import PCLT20K, patient_of
from cipa.training.run_folder import RunFolder

MOST_SLICES = 6
"""Rows of the overlay: what fits a screen."""


def draw_pictures(run: RunFolder, validation: PCLT20K | None, device: torch.device) -> None:
    """Write curves.png and, where there is a validation set, validation.png into the run's folder.

    Args:
        run: of a run whose weights are saved.
        validation: slices to show, or None.
        device: where to predict them.

    Raises:
        DataError: a slice or the weights cannot be read.
        OSError: a picture cannot be written.
    """
    from cipa.report.curves import save_curves
    from cipa.report.panels import save_panel

    save_curves(run.path)
    if validation is None or not run.best.exists():
        return
    rows = _rows(run, validation, device)
    save_panel(run.path / "validation.png", rows, heading="best weights on slices of the validation set")


def _rows(run: RunFolder, validation: PCLT20K, device: torch.device) -> list[dict[str, Any]]:
    from cipa.evaluation.counts import Counts
    from cipa.inference.predictor import Predictor
    from cipa.models.checkpoints.load import load_model

    predictor = Predictor(load_model(run.best), device=device)
    rows = []
    for index in _middle_slices(validation.ids):
        item = validation[index]
        ct, pet, truth = (np.asarray(item[name]) for name in ("ct", "pet", "mask"))
        pair = (image if len(image) == 1 else image[None] for image in (ct, pet))
        prediction = predictor.mask(predictor.predict_slices(*pair))
        dice = Counts.of(prediction, truth).dice
        shown = {"ct": middle_slice(ct), "pet": middle_slice(pet)}
        images = shown | {"truth": truth[0], "prediction": prediction[0]}
        rows.append({"title": validation.ids[index], "note": f"Dice {dice:.2f}", **images})
    return rows


def _middle_slices(ids: list[str]) -> list[int]:
    """Choose the middle slice of each of up to `MOST_SLICES` patients spread over the set."""
    patients: dict[str, list[int]] = {}
    for index, slice_id in enumerate(ids):
        patients.setdefault(patient_of(slice_id), []).append(index)
    groups = list(patients.values())
    chosen = np.linspace(0, len(groups) - 1, min(MOST_SLICES, len(groups))).round().astype(int)
    return [groups[place][len(groups[place]) // 2] for place in chosen]
