import pytest

from patient_volumes import write_patient


@pytest.fixture
def volumes(tmp_path):
    """Three patients, one of them wider than the image's field of 250 mm."""
    for number, size in enumerate([(120, 100), (304, 241), (90, 150)]):
        write_patient(tmp_path / "volumes" / f"P{number}", *size)
    return tmp_path / "volumes"
