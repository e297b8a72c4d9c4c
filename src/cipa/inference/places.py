"""The images of a study that was found and not yet opened."""

from cipa.inference.inputs import PetCtInput, read_input
from cipa.inference.options import NOTHING_GIVEN, StudyOptions
from cipa.io.dicom.study import read_study
from cipa.io.studies import StudyPlace


def read_place(place: StudyPlace, options: StudyOptions = NOTHING_GIVEN) -> PetCtInput:
    """Read the images of one study.

    Args:
        place: the study.
        options: what the user says of DICOM studies.

    Raises:
        DataError: the study cannot be used.
    """
    if place.alone:
        ct, pet = (place.ct, None) if place.alone == "ct" else (None, place.ct)
        return read_input(ct, pet, name=place.name)
    if place.pet is None:
        return read_input(read_study(place.ct, place.folders), name=place.name, options=options)
    return read_input(place.ct, place.pet, name=place.name)
