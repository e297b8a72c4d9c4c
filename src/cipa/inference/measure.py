"""Measures a mask from any tool or hand and writes it as a prediction is written."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cipa import __version__
from cipa.data.mask_file import read_mask_file
from cipa.data.tumour import Label
from cipa.inference.details import body_of_pair, find_details
from cipa.inference.inputs import PetCtInput
from cipa.inference.result import Prediction
from cipa.io.aligned import SliceSampler
from cipa.io.checks import pair_warnings
from cipa.io.dicom.tags import text
from cipa.io.orientation import axial_stack
from cipa.lesions.body import Body
from cipa.lesions.labelling import label_lesions
from cipa.lesions.measure import Lesion, measure_lesions
from cipa.lesions.plausibility import warnings_of

FindBody = Callable[[PetCtInput], Body | None]


def measure_mask(
    mask: Path, pair: PetCtInput, label: Label | None = None, regions: Sequence[str] = ()
) -> Prediction:
    """Measure a mask on a study.

    Its 26-connected parts are the lesions, and all of them count: nothing is left out as implausible. A mask
    that `predict_study` made gives its numbers again.

    Args:
        mask: NIfTI, DICOM SEG or RTSTRUCT.
        pair: the study.
        label: NIfTI: value that is tumour, if several are there, or `all`, such as numbers of lesions.
        regions: SEG and RTSTRUCT: names or patterns of what is tumour, taken together.

    Returns:
        The result, without probability. Its facts hold `mask` (`regions`, `label`) and no `model`.

    Raises:
        DataError: as `read_mask_file` and `pair_warnings`.
        UsageError: as `read_mask_file`.
    """
    began = time.monotonic()
    has_pet = "pet" in pair.inputs
    pair_lines = pair_warnings(pair.ct if "ct" in pair.inputs else None, pair.pet if has_pet else None)
    found = read_mask_file(
        mask,
        pair.ct,
        pair.pet if has_pet else None,
        frame="" if pair.source is None else text(pair.source.ct_series.header, "FrameOfReferenceUID"),
        label=label,
        regions=regions,
        needed=False,
    )
    labels, _ = label_lesions(found.tumour.view(np.uint8))
    facts = {"mask": {"regions": list(found.names), "label": label}}
    return measure_labels(labels, pair, facts, [*pair_lines, *found.warnings], began)


def measure_labels(
    labels: npt.NDArray[np.generic],
    pair: PetCtInput,
    facts: dict[str, Any],
    lines: Sequence[str] = (),
    began: float | None = None,
    find_body: FindBody = body_of_pair,
) -> Prediction:
    """Measure lesions that have their numbers already.

    Args:
        labels: on the CT's grid, 1 to N in the lesions, 0 elsewhere; a lesion need not be connected.
        pair: the study.
        facts: what is to stand among the result's facts beside those of the study.
        lines: warnings about pair and mask.
        began: `time.monotonic` when the work began, for `seconds` among the facts; None for now.
        find_body: finds the patient in the pair; another than the default where that was done before.

    Returns:
        The result, without probability.
    """
    began = time.monotonic() if began is None else began
    details = find_details(pair, labels, _measure(labels, pair), find_body(pair))
    lesions = details.lesions
    seconds = {"version": __version__, "seconds": round(time.monotonic() - began, 2)}
    return Prediction(
        mask=labels.astype(bool).view(np.uint8),
        probability_255=None,
        labels=labels,
        ct=pair.ct,
        pet=pair.pet,
        lesions=lesions,
        facts={"study": pair.name, **pair.facts, **details.facts, **facts, **seconds},
        warnings=[*pair.warnings, *lines, *warnings_of(lesions, ()), *details.warnings],
        source=pair.source,
        inputs=pair.inputs,
    )


def _measure(labels: npt.NDArray[np.generic], pair: PetCtInput) -> list[Lesion]:
    stack, world = axial_stack(pair.ct.array, pair.ct.affine)
    sample = SliceSampler(*axial_stack(pair.pet.array, pair.pet.affine), world, stack.shape)
    lesions = measure_lesions(labels, None, pair.ct.affine, pair.pet, sample)
    return lesions if "pet" in pair.inputs else [lesion.without_suv() for lesion in lesions]
