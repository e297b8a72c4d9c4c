"""What the report says beyond the uptake of lesions, the same of a network's mask and of a given one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from cipa.inference.inputs import PetCtInput
from cipa.io.aligned import SliceSampler
from cipa.io.dicom.instances import instance_numbers
from cipa.io.dicom.volumes import PetCt
from cipa.io.orientation import axial_stack
from cipa.io.volume import Volume
from cipa.lesions.body import Body, body_of
from cipa.lesions.details import add_details
from cipa.lesions.grown import cut_warnings
from cipa.lesions.measure import Lesion
from cipa.lesions.reference import Reference, measure_reference, percist_region, percist_threshold


@dataclass(frozen=True)
class Details:
    """What was found.

    Attributes:
        lesions: with all that they have a place for.
        facts: `reference`, where regions of reference were given.
        warnings: what needs a second look, one line each.
    """

    lesions: list[Lesion]
    facts: dict[str, Any]
    warnings: tuple[str, ...]


def body_of_pair(pair: PetCtInput) -> Body | None:
    """Find the patient in what was given of CT and PET."""
    return body_of(*(volume if kind in pair.inputs else None for kind, volume in _volumes(pair)))


def find_details(
    pair: PetCtInput, labels: npt.NDArray[np.generic], lesions: Sequence[Lesion], body: Body | None
) -> Details:
    """Add to lesions what the report says of them, and measure the regions of reference.

    Args:
        pair: the study.
        labels: numbers of the lesions on the CT's grid.
        lesions: all that there are.
        body: the patient, if one was found.

    Raises:
        DataError: a region of reference is not in the images, or not in the patient.
    """
    stack, world = axial_stack(pair.ct.array, pair.ct.affine)
    uptake = None
    if "pet" in pair.inputs:
        uptake = SliceSampler(*axial_stack(pair.pet.array, pair.pet.affine), world, stack.shape)
    found = add_details(lesions, labels, pair.ct.affine, uptake, body, pair.sul_factor)
    if pair.source is not None:
        found = _with_instances(found, pair.source)
    facts, lines = measure_references(pair, labels)
    cut = cut_warnings({lesion.number: lesion.grown for lesion in found if lesion.grown})
    return Details(found, facts, (*cut, *lines))


def _volumes(pair: PetCtInput) -> tuple[tuple[str, Volume], ...]:
    return ("ct", pair.ct), ("pet", pair.pet)


def _with_instances(lesions: list[Lesion], source: PetCt) -> list[Lesion]:
    """Add the Instance Number (0020,0013) of the first and last CT image of each lesion, from the feet."""
    numbers = instance_numbers(source.ct_slices, source.ct.affine)
    found = []
    for lesion in lesions:
        first, last = (numbers[index] for index in lesion.slices) if numbers else (None, None)
        known = None if first is None or last is None else (first, last)
        found.append(replace(lesion, ct_instances=known))
    return found


def measure_references(
    pair: PetCtInput, labels: npt.NDArray[np.generic] | None = None
) -> tuple[dict[str, Any], list[str]]:
    """Measure the regions that the user pointed to, and what PERCIST makes of them.

    Args:
        pair: the study.
        labels: numbers of the lesions on the CT's grid, which the regions must not overlap.

    Returns:
        Facts, as `Details` has them, and what is doubtful.

    Raises:
        DataError: a region is not in the images, or not in the patient.
    """
    if "pet" not in pair.inputs:
        return {}, []
    ct = pair.ct if "ct" in pair.inputs else None
    regions: dict[str, Reference] = {}
    lines: list[str] = []
    for kind, centre in (("liver", pair.report.liver_mm), ("blood_pool", pair.report.blood_pool_mm)):
        if centre is not None:
            regions[kind], doubtful = measure_reference(
                kind, centre, pair.pet, ct, None if labels is None else Volume(labels, pair.ct.affine)
            )
            lines += doubtful
    facts: dict[str, Any] = {}
    factor = pair.sul_factor
    for kind, one in regions.items():
        facts[kind] = one.facts() | {"mean_sul": None if factor is None else one.mean_suv * factor}
        facts[kind] |= {"sd_sul": None if factor is None else one.sd_suv * factor}
    by = percist_region(regions)
    if by is not None:
        suv = percist_threshold(by, regions[by].mean_suv, regions[by].sd_suv)
        facts["percist_region"] = by
        facts["percist_threshold_suv"] = suv
        facts["percist_threshold_sul"] = None if factor is None else suv * factor
    return ({"reference": facts} if facts else {}), lines
