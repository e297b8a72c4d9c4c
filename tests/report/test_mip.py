import numpy as np
import pytest
from PIL import Image

from cipa.report.mip import _Places, _project, save_mip
from study_prediction import predict, scattered

BOX = [(10, 16), (12, 17), (4, 9)]


def test_projections_are_in_millimetres_with_the_head_at_the_top():
    coronal, sagittal = _project(predict([BOX]))
    assert coronal.extent == pytest.approx((0, 48 * 4, 0, 16 * 6))
    assert sagittal.extent == pytest.approx((0, 40 * 5, 0, 16 * 6))
    hot = np.argwhere(coronal.suv > 3)
    assert (hot.min(0) == [16 - 9, 10]).all()  # rows count from the head, columns from the patient's right
    assert (hot.max(0) == [16 - 5, 15]).all()


def test_a_lesion_is_outlined_where_it_lies():
    coronal, sagittal = _project(predict([BOX]))
    assert coronal.outlines[1][1] == pytest.approx((40, 64, 24, 54))
    assert sagittal.outlines[1][1] == pytest.approx((60, 85, 24, 54))
    assert coronal.outlines[1][0].all()


def test_the_picture_has_the_aspect_of_the_body(tmp_path):
    save_mip(tmp_path / "mip.png", predict([BOX]))
    grey = np.asarray(Image.open(tmp_path / "mip.png").convert("RGB")).astype(int)
    pink = (grey[..., 0] > 180) & (grey[..., 1] < 60)  # the outlines, 24 x 30 mm in the coronal view
    coronal = pink[:, : pink.shape[1] // 2]
    rows, columns = np.flatnonzero(coronal.sum(1) > 20), np.flatnonzero(coronal.sum(0) > 20)
    assert np.ptp(rows) / np.ptp(columns) == pytest.approx(30 / 24, rel=0.06)


def test_numbers_do_not_cover_each_other():
    places = _Places((0.0, 100.0, 0.0, 100.0), 4.0, 3.0)
    spots = [places.take((50.0, 50.0), 2.0, 2.0) for _ in range(40)]
    for index, one in enumerate(spots):
        assert all(abs(one[0] - x) >= 4 or abs(one[1] - y) >= 3 for x, y in spots[:index])


def test_a_pet_without_uptake_and_many_lesions_are_drawn_too(tmp_path):
    save_mip(tmp_path / "many.png", predict(scattered(60)))
    cold = predict([])
    cold.pet.array[:] = 0
    save_mip(tmp_path / "cold.png", cold, heading="cold")
    assert {path.name for path in tmp_path.iterdir()} == {"many.png", "cold.png"}
