"""The DICOM objects of a result, their files, and how a failed one is handled."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset

from cipa.inference.optional_writers import attempt
from cipa.io.dicom.objects.lesion import Algorithm, LesionObject
from cipa.io.dicom.objects.rtstruct import write_rtstruct
from cipa.io.dicom.objects.sr import write_sr
from cipa.io.dicom.seg import MOST_FRAMES, write_seg
from cipa.io.dicom.volumes import PetCt
from cipa.lesions.labelling import lesion_boxes
from cipa.lesions.measure import Lesion

FILES = {"seg": "segmentation.dcm", "rtstruct": "contours.dcm", "sr": "measurements.dcm"}
"""Kinds written with a result, and their names in a study's folder."""

DEFAULT_OBJECTS = ("seg", "sr")

LUNG = "LUNG"
"""Body Part Examined (0018,0015) that says which organ it is; CHEST is many organs."""


class Result(Protocol):
    """What objects are made from of a `cipa.inference.result.Prediction`, which stands above this module."""

    @property
    def labels(self) -> npt.NDArray[np.generic]:
        """Numbers of the lesions."""

    @property
    def lesions(self) -> list[Lesion]:
        """By number."""

    @property
    def source(self) -> PetCt | None:
        """The DICOM pair."""

    @property
    def algorithm(self) -> Algorithm:
        """What drew the mask."""

    @property
    def facts(self) -> dict[str, Any]:
        """How it was acquired and computed."""

    def totals(self) -> dict[str, Any]:
        """Return the row of the patient."""


def write_objects(prediction: Result, folder: Path, kinds: Sequence[str]) -> tuple[str, ...]:
    """Write DICOM objects of a study that came from DICOM; one that fails does not stop the others.

    Args:
        prediction: the result.
        folder: unfinished one.
        kinds: of `FILES`; others are passed over.

    Returns:
        A warning for each that could not be written.

    Raises:
        OSError: the disk is full.
    """
    source = prediction.source
    if source is None:
        return ()
    lesions, by = lesion_objects(prediction), prediction.algorithm
    about = (prediction.labels, source.ct_slices)
    warnings: list[str] = []
    segs: list[Dataset] = []
    if "seg" in kinds:
        path = folder / FILES["seg"]
        warnings.append(
            attempt("DICOM SEG", lambda: segs.append(write_seg(path, *about, by, lesions)), folder)
        )
        if len(lesions) * len(source.ct_slices) > MOST_FRAMES:
            warnings.append(f"DICOM SEG: {len(lesions)} segments, whose frames without tumour are left out")
    if "sr" in kinds and segs:
        pet = source.pet_slices
        measured = (lesions, prediction.totals(), by, prediction.facts.get("reference", {}))
        write = partial(write_sr, folder / FILES["sr"], segs[0], source.ct_slices, pet, *measured)
        warnings.append(attempt("DICOM SR", write, folder))
    elif "sr" in kinds:
        warnings.append("DICOM SR was not written: there is no SEG that it could refer to")
    if "rtstruct" in kinds:
        contours = partial(write_rtstruct, folder / FILES["rtstruct"], *about, lesions, by)
        warnings.append(attempt("RTSTRUCT", contours, folder))
    return tuple(filter(None, warnings))


def lesion_objects(prediction: Result) -> list[LesionObject]:
    """Return the lesions as DICOM objects name them; each call gives them new tracking UIDs."""
    part = "" if prediction.source is None else prediction.source.ct_series.text("BodyPartExamined")
    boxes = lesion_boxes(prediction.labels)
    return [
        LesionObject(lesion.number, (box[0], box[1], box[2]), lesion.row(), part.upper() == LUNG)
        for lesion, box in zip(prediction.lesions, boxes, strict=True)
    ]
