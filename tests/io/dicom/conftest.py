import numpy as np
import pytest

from dicom_files import write_series


@pytest.fixture
def study(tmp_path):
    """Folder with a CT of 6 slices and a PET of 5, nested, beside a file that is not DICOM."""
    rng = np.random.default_rng(0)
    write_series(tmp_path / "study" / "a" / "ct", "CT", rng.integers(0, 2000, (8, 6, 6)))
    write_series(tmp_path / "study" / "b", "PT", rng.integers(0, 9000, (5, 4, 5)))
    (tmp_path / "study" / "readme.txt").write_text("hello")
    return tmp_path / "study"
