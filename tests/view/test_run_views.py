"""Views of a comparison: one that cannot be written is a warning, not the end of the others."""

import numpy as np

from browser_study import make_prediction
from cipa.io.nifti import write_volume
from cipa.view.run_views import find_run_masks, write_run_views


def test_a_patient_without_images_is_a_warning_and_the_others_get_their_views(tmp_path):
    prediction = make_prediction(tmp_path / "studies" / "one")
    folders = {"a": tmp_path / "a", "b": tmp_path / "b"}
    for folder in folders.values():
        (folder / "masks").mkdir(parents=True)
        for patient in ("studies", "gone"):
            write_volume(folder / "masks" / f"{patient}.nii.gz", np.asarray(prediction.mask), prediction.ct)
    masks = find_run_masks(folders, ["gone", "studies"])
    files, warnings = write_run_views(tmp_path / "studies", masks, tmp_path / "views")
    assert files == {"studies": "studies.html"}
    assert [line.split(":")[0] for line in warnings] == ["views do not outline the truth", "gone"]
    page = (tmp_path / "views" / "studies.html").read_text()
    assert 'data-part="mask-1"' in page
    assert 'data-part="mask-2"' not in page  # no truth lies beside the study
