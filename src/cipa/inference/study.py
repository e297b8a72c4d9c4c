"""One study from two volumes to measured lesions."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from cipa.errors import DataError
from cipa.inference.details import find_details, measure_references
from cipa.inference.inputs import PetCtInput
from cipa.inference.modalities import takes, trained_inputs
from cipa.inference.options import DEFAULTS, VolumeOptions
from cipa.inference.result import Prediction
from cipa.inference.slices import SlicePredictor
from cipa.inference.volume import SegmentedVolume, predict_volume
from cipa.io.aligned import SliceSampler
from cipa.io.checks import region_warnings
from cipa.io.orientation import axial_stack
from cipa.lesions.body import Body, body_of
from cipa.lesions.kidneys import split_kidneys
from cipa.lesions.labelling import keep_lesions, label_lesions
from cipa.lesions.measure import AxialSlices, mean_probability, measure_lesions
from cipa.lesions.plausibility import (
    LeftOut,
    Limits,
    cut_at_body,
    split_by_size,
    split_by_uptake,
    warnings_of,
)
from cipa.modalities import BOTH
from cipa.progress import Progress
from cipa.version import __version__

NO_BODY = "no patient was found in the images, so that marks outside the body are not left out: look at them"


def predict_study(
    predictor: SlicePredictor,
    pair: PetCtInput,
    options: VolumeOptions = DEFAULTS,
    progress: Progress | None = None,
) -> Prediction:
    """Segment a pair and measure its lesions.

    Args:
        predictor: the network.
        pair: what to segment.
        options: how slices become images, and which marks are believed.
        progress: called after every batch.

    Returns:
        The result, with everything that needs a second look among its warnings.

    Raises:
        DataError: as `predict_volume`; a modality is missing that the weights cannot do without.
            Or a region of reference is not in the patient.
        UsageError: as `predict_volume`.
    """
    began = time.monotonic()
    _refuse_half(predictor, pair)
    measure_references(pair)  # refused before the network runs
    ct, pet = (
        volume if kind in pair.inputs else None for kind, volume in (("ct", pair.ct), ("pet", pair.pet))
    )
    with ThreadPoolExecutor(1) as beside:
        region = beside.submit(region_warnings, ct, pair.body_part) if ct else None
        seen = beside.submit(body_of, ct, pet)
        volume = predict_volume(predictor, pair.ct, pair.pet, options, progress, pair.inputs)
    body = seen.result()
    found = _find_lesions(
        volume, pair, None if options.keep_all else body, limits_of(predictor, pair, options)
    )
    details = find_details(pair, found["labels"], found["lesions"], body)
    found["lesions"] = details.lesions
    warnings = [*predictor.warnings, *pair.warnings, *(region.result() if region else ()), *volume.warnings]
    if body is None and any(map(len, volume.marked)) and not options.keep_all:
        warnings.append(NO_BODY)
    facts = {
        "study": pair.name,
        **pair.facts,
        **details.facts,
        **settings_of(predictor, options),
        "device": str(predictor.device),
        "seconds": round(time.monotonic() - began, 2),
    }
    return Prediction(
        probability_255=volume.probability_255,
        ct=pair.ct,
        pet=pair.pet,
        facts=facts,
        warnings=[*warnings, *warnings_of(found["lesions"], found["left_out"]), *details.warnings],
        source=pair.source,
        inputs=pair.inputs,
        **found,
    )


def limits_of(predictor: SlicePredictor, pair: PetCtInput, options: VolumeOptions) -> Limits:
    """Return the smallest lesion that counts: from the options, else as stored with the weights."""
    min_suv = predictor.min_suv if options.min_suv is None else options.min_suv
    is_measured = "pet" in pair.inputs and not options.keep_all
    return Limits(predictor.smallest_ml, predictor.shortest_mm, min_suv if is_measured else 0.0)


def _find_lesions(
    volume: SegmentedVolume, pair: PetCtInput, body: Body | None, limits: Limits
) -> dict[str, Any]:
    """Tell lesions from marks that are none: `mask`, `labels`, `lesions` and `left_out` of the result.

    What is left out is cleared in the volume's mask.
    """
    affine = pair.ct.affine
    stack, world = axial_stack(pair.ct.array, affine)
    sample = SliceSampler(*axial_stack(pair.pet.array, pair.pet.affine), world, stack.shape)
    has_pet = "pet" in pair.inputs
    uptake = sample if has_pet else None
    labels, left_out = _label_in_body(volume.mask, affine, body, uptake)
    numbers, others = split_by_size(labels, affine, limits, uptake)
    keep_lesions(labels, affine, numbers)
    left_out += others
    means = mean_probability(labels, volume.mask, volume.marked, affine)
    lesions = measure_lesions(labels, means, affine, pair.pet, sample)
    if not has_pet:
        lesions = [lesion.without_suv() for lesion in lesions]
    kept, others = split_by_uptake(lesions, limits)
    left_out += others
    if body is not None:
        kept, others = split_kidneys(kept, body)
        left_out += others
    keep_lesions(labels, affine, [lesion.number for lesion in kept])
    if left_out:  # in place: of a whole body another mask takes 0.2 GB
        np.not_equal(labels, 0, out=volume.mask.view(bool))
    return {
        "mask": volume.mask,
        "labels": labels,
        "lesions": [replace(lesion, number=number) for number, lesion in enumerate(kept, start=1)],
        "left_out": tuple(left_out),
    }


def _label_in_body(
    mask: npt.NDArray[np.uint8],
    affine: npt.NDArray[np.float64],
    body: Body | None,
    uptake: AxialSlices | None,
) -> tuple[npt.NDArray[np.generic], list[LeftOut]]:
    """Number the lesions of the part of a mask that lies in the patient, if one was found."""
    labels, _ = label_lesions(mask)
    cut, left_out = (None, []) if body is None else cut_at_body(labels, affine, body, uptake)
    if cut is None:
        return labels, left_out
    del labels  # two bytes a voxel, of which the new ones take as many
    return label_lesions(cut)[0], left_out


def _refuse_half(predictor: SlicePredictor, pair: PetCtInput) -> None:
    """Refuse a study without CT or PET unless every network learnt to do without."""
    if pair.inputs == BOTH or all(takes(model, pair.inputs) for model in predictor.models):
        return
    given, lacking = ("CT", "PET") if pair.inputs == "ct" else ("PET", "CT")
    trained = sorted({trained_inputs(model) for model in predictor.models} - {BOTH})
    need = f"{trained[0].upper()} alone" if trained else "CT and PET"
    raise DataError(f"{pair.name}: {given} only, but these weights need {need}: give the {lacking} too")


def settings_of(predictor: SlicePredictor, options: VolumeOptions = DEFAULTS) -> dict[str, Any]:
    """Return everything that determines the mask of a study: network, threshold and options, in JSON types.

    Args:
        predictor: the network.
        options: how slices become images, and which marks are believed.

    Returns:
        `model`, `version`, `threshold` and `options`.
    """
    config = predictor.config
    stored = {"ct_window": config.ct_window, "suv_max": config.suv_max, "min_suv": predictor.min_suv}
    given = asdict(options) | {
        name: value for name, value in stored.items() if getattr(options, name) is None
    }
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
        "version": __version__,
        "threshold": predictor.threshold,
        "options": {name: list(value) if isinstance(value, tuple) else value for name, value in given.items()}
        | {
            "precision": predictor.precision,
            "smallest_ml": predictor.smallest_ml,
            "shortest_mm": predictor.shortest_mm,
            "tta": predictor.tta,
            "inputs": predictor.inputs or " or ".join(sorted(map(trained_inputs, predictor.models))),
        },
    }
