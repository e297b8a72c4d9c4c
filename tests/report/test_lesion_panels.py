import numpy as np
import pytest
from PIL import Image

from cipa.report.lesion_panels import CELL, SMALLEST_VIEW_MM, TOP, _view, _window, save_lesion_panel
from study_prediction import predict


def test_the_view_is_a_square_in_millimetres_about_the_lesion():
    prediction = predict([[(10, 12), (12, 14), (4, 6)]])
    box, extent = _view(prediction.axial(prediction.mask)[4] > 0, prediction)
    assert extent[1] == pytest.approx(SMALLEST_VIEW_MM, abs=4)
    assert extent[2] == pytest.approx(SMALLEST_VIEW_MM, abs=5)
    assert box[0].start <= 12
    assert box[0].stop >= 14


def test_a_view_at_the_border_stays_within_the_slice():
    assert _window(np.array([0, 1]), 10, 40) == slice(0, 10)
    assert _window(np.array([39]), 10, 40) == slice(30, 40)
    assert _window(np.array([5]), 100, 40) == slice(0, 40)


def test_the_outline_is_drawn_on_the_slice_where_the_lesion_is_largest(tmp_path):
    prediction = predict([[(10, 12), (12, 14), (3, 6)], [(9, 14), (11, 16), (6, 8)]])  # one lesion, two steps
    assert prediction.lesion_count == 1
    save_lesion_panel(tmp_path / "one.png", prediction, prediction.lesions[0])
    with Image.open(tmp_path / "one.png") as image:
        picture = np.asarray(image.convert("RGB")).astype(int)
    high = picture.shape[0]
    pet = picture[round(high * TOP / (CELL + TOP)) :, picture.shape[1] // 2 : 3 * picture.shape[1] // 4]
    pink = (pet[..., 0] > 180) & (pet[..., 1] < 60) & (pet[..., 2] > 80)
    rows, columns = np.nonzero(pink)
    inch = 25 / CELL / SMALLEST_VIEW_MM * CELL  # 25 x 20 mm of about 90 in a cell
    assert np.ptp(rows) / high == pytest.approx(inch * CELL / (CELL + TOP), rel=0.15)
    assert np.ptp(columns) / pet.shape[1] == pytest.approx(20 / SMALLEST_VIEW_MM, rel=0.15)
