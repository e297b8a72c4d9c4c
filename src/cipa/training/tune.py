"""Threshold and smallest lesion of a run's best weights, chosen on its validation volumes."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch

from cipa.data.pclt20k import PCLT20K
from cipa.data.spacing import Spacing
from cipa.evaluation.operating_point import Grid, OperatingPoint, choose_operating_point, quantise, score_grid
from cipa.evaluation.stack import slice_indices
from cipa.evaluation.volume_dice import by_patient, voxel_ml
from cipa.inference.predictor import Predictor
from cipa.models.checkpoints.folder import write_config
from cipa.models.checkpoints.load import load_model
from cipa.training.run_folder import RunFolder


def tune_best(
    run: RunFolder, validation: PCLT20K, spacings: Mapping[str, Spacing] | None, device: torch.device
) -> OperatingPoint:
    """Choose threshold and smallest lesion of RUN/best and write them into its config.json.

    Args:
        run: of a run that is done, with best weights.
        validation: the slices it was validated on.
        spacings: patient to z, y, x in mm; None where they are not known.
        device: where to predict.

    Returns:
        What was chosen.

    Raises:
        DataError: a slice or the weights cannot be read, or slice numbers do not make a volume.
        OSError: the configuration cannot be written; the earlier one stands.
    """
    model = load_model(run.best)
    predictor = Predictor(model, device=device)
    groups = by_patient(validation.ids)
    place = {slice_id: index for index, slice_id in enumerate(validation.ids)}
    grids = [
        _grid(
            predictor,
            validation,
            [place[slice_id] for slice_id in ids],
            None if spacings is None else spacings[patient],
        )
        for patient, ids in groups.items()
    ]
    point = choose_operating_point(grids)
    write_config(run.best, replace(model.config, threshold=point.threshold, smallest_ml=point.smallest_ml))
    return point


def _grid(predictor: Predictor, data: PCLT20K, indices: list[int], spacing: Spacing | None) -> Grid:
    """Score one patient at every threshold; indices are in the order of the slice numbers."""
    places = slice_indices([data.ids[index] for index in indices])
    shape = (max(places) + 1, data.size, data.size)
    levels, truth = np.zeros(shape, np.uint8), np.zeros(shape, bool)
    for batch in predictor.batches(len(indices)):
        items = [data[index] for index in indices[batch]]
        ct, pet, mask = (
            np.stack([np.asarray(item[name]) for item in items]) for name in ("ct", "pet", "mask")
        )
        if data.slices == 1:
            ct, pet = ct[:, 0], pet[:, 0]
        levels[places[batch]] = quantise(predictor.predict_slices(ct, pet))
        truth[places[batch]] = mask[:, 0]
    return score_grid(levels, truth, voxel_ml(spacing))
