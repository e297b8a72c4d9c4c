"""One study from two volumes to measured lesions."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from torch import nn

import cipa
from cipa.data.modalities import BOTH
from cipa.errors import DataError
from cipa.inference.inputs import PetCtInput
from cipa.inference.modalities import takes, trained_inputs
from cipa.inference.result import Prediction
from cipa.inference.volume import predict_volume
from cipa.io.checks import doubts_of_region
from cipa.lesions.labelling import label_lesions, without_short
from cipa.lesions.measure import measure_lesions
from cipa.progress import Progress

if TYPE_CHECKING:
    from cipa.inference.predictor import Predictor


def predict_study(
    predictor: Predictor, pair: PetCtInput, progress: Progress | None = None, **options: Any
) -> Prediction:
    """Segment a pair and measure its lesions.

    Args:
        predictor: the network.
        pair: what to segment.
        progress: called after every batch.
        options: `fit`, `field_of_view`, `ct_window`, `suv_max`, as `predict_volume` takes them.

    Returns:
        The result, with everything that needs a second look among its warnings.

    Raises:
        DataError: as `predict_volume`; a modality is missing that the weights cannot do without.
        UsageError: as `predict_volume`.
    """
    began = time.monotonic()
    _refuse_half(predictor, pair)
    with ThreadPoolExecutor(1) as beside:
        region = beside.submit(doubts_of_region, pair.ct, pair.body_part) if "ct" in pair.inputs else None
        maps = predict_volume(predictor, pair.ct, pair.pet, progress=progress, inputs=pair.inputs, **options)
    labels, _ = label_lesions(maps.mask, pair.ct.voxel_ml, predictor.smallest_ml)
    if predictor.shortest_mm > 0:
        labels, _ = without_short(labels, pair.ct.affine, predictor.shortest_mm)
    whole = predictor.smallest_ml <= 0 and predictor.shortest_mm <= 0
    mask = maps.mask if whole else labels.astype(bool).view(np.uint8)
    lesions = measure_lesions(labels, maps.probability, maps.pet_on_ct, pair.ct.affine, pair.pet)
    if "pet" not in pair.inputs:
        lesions = [lesion.without_suv() for lesion in lesions]
    facts = {
        "study": pair.name,
        **pair.facts,
        **settings_of(predictor, **options),
        "device": str(predictor.device),
        "seconds": round(time.monotonic() - began, 2),
    }
    return Prediction(
        mask=mask,
        probability=maps.probability,
        labels=labels,
        ct=pair.ct,
        pet=pair.pet,
        pet_on_ct=maps.pet_on_ct,
        lesions=lesions,
        facts=facts,
        warnings=[*pair.notes, *(region.result() if region else ()), *maps.doubts],
        source=pair.source,
        inputs=pair.inputs,
    )


def _refuse_half(predictor: Predictor, pair: PetCtInput) -> None:
    """Refuse a study without CT or PET unless every network learnt to do without."""
    if pair.inputs == BOTH or all(takes(model, pair.inputs) for model in predictor.models):
        return
    given, lacking = ("CT", "PET") if pair.inputs == "ct" else ("PET", "CT")
    trained = sorted({trained_inputs(model) for model in predictor.models} - {BOTH})
    need = f"{trained[0].upper()} alone" if trained else "CT and PET"
    raise DataError(f"{pair.name}: {given} only, but these weights need {need}: give the {lacking} too")


def settings_of(predictor: Predictor, **options: Any) -> dict[str, Any]:
    """Return what decides the mask of a study: the network, threshold and options, in JSON types.

    Args:
        predictor: the network.
        options: as `predict_volume` takes them.

    Returns:
        `model`, `version`, `threshold` and `options`.
    """
    config = predictor.config
    given = {name: list(value) if isinstance(value, tuple) else value for name, value in options.items()}
    window, white = given.get("ct_window"), given.get("suv_max")
    return {
        "model": {
            "name": f"CIPA {getattr(config, 'variant', 'custom')}",
            "variant": getattr(config, "variant", None),
            "crm": getattr(config, "crm", None),
            "dcim": getattr(config, "dcim", None),
            "image_size": predictor.image_size,
            "parameters": sum(one.numel() for one in predictor.models[0].parameters()),
            "weights": list(predictor.names),
            "digest": predictor.digest,
        },
        "version": cipa.__version__,
        "threshold": predictor.threshold,
        "options": given
        | {
            "ct_window": list(config.ct_window) if window is None else window,
            "suv_max": config.suv_max if white is None else white,
            "precision": predictor.precision,
            "smallest_ml": predictor.smallest_ml,
            "shortest_mm": predictor.shortest_mm,
            "tta": predictor.tta,
            "inputs": predictor.inputs or " or ".join(sorted(map(trained_inputs, predictor.models))),
        },
    }


def digest_of(models: Sequence[nn.Module]) -> str:
    """Return sixteen hexadecimal digits of the SHA-256 of all weights, names included."""
    total = hashlib.sha256()
    for model in models:
        for name, tensor in sorted(model.state_dict().items()):
            total.update(name.encode())
            total.update(memoryview(cast(Any, tensor.detach().cpu().contiguous().numpy())).cast("B"))
    return total.hexdigest()[:16]
