"""Panels, looked at through the colours of the pixels they are made of."""

import numpy as np
import pytest
from PIL import Image

from cipa.report.panels import _fill, save_panel

GREEN, MAGENTA, FRAME = (47, 214, 122), (255, 61, 209), (224, 160, 48)


def square(row: int, column: int, side: int, size: int = 128) -> np.ndarray:
    mask = np.zeros((size, size), np.uint8)
    mask[row : row + side, column : column + side] = 1
    return mask


def row(**masks) -> dict:
    ct = np.full((128, 128), 90, np.uint8)
    pet = np.full((128, 128), 10, np.uint8)
    pet[40:52, 70:82] = 255
    return {"title": "0001_010", "ct": ct, "pet": pet, **masks}


def pixels(tmp_path, *rows, **options) -> np.ndarray:
    path = tmp_path / "panel.png"
    save_panel(path, rows, **options)
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def count(image: np.ndarray, colour: tuple[int, int, int]) -> int:
    return int((np.abs(image.astype(int) - colour).max(axis=-1) < 12).sum())


def test_truth_is_green_prediction_magenta_and_the_enlarged_square_is_marked(tmp_path):
    image = pixels(tmp_path, row(truth=square(40, 70, 12), prediction=square(44, 72, 12)))
    assert count(image, GREEN) > 400
    assert count(image, MAGENTA) > 400
    assert count(image, FRAME) > 100


def test_prediction_alone_shows_no_truth(tmp_path):
    image = pixels(tmp_path, row(prediction=square(40, 70, 12)))
    assert count(image, GREEN) == 0
    assert count(image, MAGENTA) > 400


def test_an_empty_prediction_leaves_the_truth_visible(tmp_path):
    image = pixels(tmp_path, row(truth=square(40, 70, 12), prediction=square(0, 0, 0)))
    assert count(image, GREEN) > 400


def test_outlines_lie_where_the_masks_do(tmp_path):
    left, right = (pixels(tmp_path, row(truth=square(60, column, 8))) for column in (8, 110))
    frames = [np.abs(image.astype(int) - FRAME).max(axis=-1) < 12 for image in (left, right)]
    first, second = (np.nonzero(frame)[1].min() for frame in frames)
    assert second - first > 150  # the square about the lesion goes along, in a cell of 324 pixels


def test_pet_is_inverted_and_ct_is_not(tmp_path):
    image = pixels(tmp_path, row())  # no masks: two cells side by side
    ct, pet = image[200, image.shape[1] // 4], image[300, image.shape[1] * 3 // 4 - 100]
    assert abs(int(ct[0]) - 90) < 3
    assert pet[0] > 225


def test_a_row_a_slice(tmp_path):
    one = pixels(tmp_path, row(truth=square(40, 70, 12)))
    three = pixels(tmp_path, *[row(truth=square(40, 70, 12))] * 3, heading="Worst slices")
    assert three.shape[1] == one.shape[1]
    assert three.shape[0] > 2 * one.shape[0]


@pytest.mark.parametrize("mask", [square(0, 0, 3), square(127, 127, 1), square(0, 0, 128)])
def test_masks_at_the_edge_are_closed_outlines(mask, tmp_path):
    assert count(pixels(tmp_path, row(truth=mask)), GREEN) > 100


def test_images_of_different_shapes_are_refused_by_title(tmp_path):
    with pytest.raises(ValueError, match="0001_010"):
        save_panel(tmp_path / "panel.png", [row(truth=np.zeros((64, 64), bool))])
    with pytest.raises(ValueError, match="at least one row"):
        save_panel(tmp_path / "panel.png", [])
    assert list(tmp_path.iterdir()) == []


def test_padding_is_cut_away_and_nothing_else():
    ct = np.zeros((100, 100), np.uint8)
    ct[40:60, 10:50] = 36  # air about the patient is not padding
    pet, truth = np.zeros_like(ct), np.zeros_like(ct)
    pet[70, 20] = 3
    top, left, side = _fill({"ct": ct, "pet": pet, "truth": truth})
    assert side == 40
    assert top <= 40
    assert top + side > 70
    assert left == 10
    assert _fill({"ct": ct + 1, "pet": pet}) == (0, 0, 100)
    assert _fill({"ct": ct * 0, "pet": pet * 0}) == (0, 0, 100)
