"""From a DICOM study to a mask on its CT's grid."""

import warnings
from pathlib import Path
from typing import Any

from cipa.inference.files import Summary, write_nifti_answer
from cipa.inference.names import mask_name
from cipa.inference.predictor import Predictor
from cipa.io.checks import VolumeWarning
from cipa.io.dicom.study import read_study
from cipa.io.dicom.summary import notes_of
from cipa.io.dicom.volumes import read_pet_ct


def predict_dicom(
    predictor: Predictor,
    study: Path,
    out: Path,
    probability: bool = False,
    study_options: dict[str, Any] | None = None,
    **options: Any,
) -> Summary:
    """Segment the CT and PET of a DICOM study and write the mask (NIfTI, uint8, 0 and 1) on the CT's grid.

    Args:
        predictor: the network.
        study: folder of any nesting, or zip.
        out: the mask's name, `.nii` or `.nii.gz`; any other name is a folder that gets `mask.nii.gz`.
        probability: write the map (float32) too, beside the mask.
        study_options: `ct_series`, `pet_series`, `weight_kg`, `dose_mbq`, as `read_pet_ct` takes them.
        options: as `cipa.inference.volume.predict_volume` takes them.

    Returns:
        What was found.

    Raises:
        DataError: as `read_study`, `read_pet_ct` and `predict_volume`.
        UsageError: an option is out of its range, or `out` is the study.

    Warns:
        VolumeWarning: a file was left out, or something else about the study needs a second look.
    """
    name = mask_name(out, (".nii.gz", ".nii"), inputs=(study,))
    found = read_study(study)
    pair = read_pet_ct(found, **(study_options or {}))
    for note in notes_of(found, pair):
        warnings.warn(f"{study}: {note}", VolumeWarning, stacklevel=2)
    chances = predictor.predict_volume(pair.ct, pair.pet, **options)
    return write_nifti_answer(predictor, chances, pair.ct, name, probability)
