"""The images of a study that was found and not yet opened."""

from dataclasses import replace

from cipa.inference.inputs import PetCtInput, read_input
from cipa.inference.options import DICOM_ONLY, NOTHING_GIVEN, NOTHING_SAID, ReportOptions, StudyOptions
from cipa.io.dicom.study import read_study
from cipa.io.studies import StudyLocation


def read_location(
    location: StudyLocation, options: StudyOptions = NOTHING_GIVEN, report: ReportOptions = NOTHING_SAID
) -> PetCtInput:
    """Read the images of one study.

    Args:
        location: the study.
        options: what the user says of DICOM studies.
        report: what the user says for the report.

    Raises:
        DataError: the study cannot be used.
        UsageError: the report cannot have what is said for it.
    """
    if location.is_dicom:
        study = read_study(location.ct, location.folders)
        return read_input(study, name=location.name, options=options, report=report)
    kept = replace(report, **dict.fromkeys(DICOM_ONLY[:-1]), show_id=False)
    if location.alone:
        ct, pet = (location.ct, None) if location.alone == "ct" else (None, location.ct)
        return read_input(ct, pet, name=location.name, report=kept)
    return read_input(location.ct, location.pet, name=location.name, report=kept)
