import pytest

from dicom_lesions import pair_of


@pytest.fixture
def pair(tmp_path):
    return pair_of(tmp_path / "study")
