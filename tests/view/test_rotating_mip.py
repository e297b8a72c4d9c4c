"""The rotating projection: the hottest voxel stands where the page computes it, from every side."""

import io

import numpy as np
import pytest
from PIL import Image

from cipa.io.volume import Volume
from cipa.view.rotating_mip import FRAMES, mip_frame, mip_view

AFFINE = np.array([[-4.0, 0, 0, 90], [0, -4.0, 0, 60], [0, 0, 5.0, -200], [0, 0, 0, 1]])


def pet_with_spot(index, affine=AFFINE, shape=(40, 32, 50)):
    suv = np.full(shape, 0.4, np.float32)
    suv[index] = 7.0
    return Volume(suv, affine)


@pytest.mark.parametrize("number", [0, 6, 12, 17, 24, 36, 47])
@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0)])
def test_a_spot_stands_where_the_page_computes_it(number, order):
    pet = pet_with_spot((8, 10, 44))
    point = (AFFINE @ [8, 10, 44, 1])[:3]
    pet = Volume(pet.array.transpose(order), AFFINE[:, [*order, 3]])
    view = mip_view(pet)
    grey = np.asarray(Image.open(io.BytesIO(mip_frame(pet, number))), float)
    assert grey.shape == (view.height, view.width)
    angle = 2 * np.pi * number / FRAMES
    x, y = point[0] - view.centre_mm[0], point[1] - view.centre_mm[1]
    column = view.width / 2 - (x * np.cos(angle) + y * np.sin(angle)) / view.pixel_mm
    row = (view.top_mm - point[2]) / view.pixel_mm
    darkness = np.maximum(200 - grey, 0)
    rows, columns = np.indices(grey.shape) + 0.5
    assert np.average(columns, weights=darkness) == pytest.approx(column, abs=1)
    assert np.average(rows, weights=darkness) == pytest.approx(row, abs=1)


def test_the_first_frame_is_seen_from_the_front(client):
    described = client.describe()["mip"]
    assert described["count"] == FRAMES
    assert described["degrees"][:2] == [0, 7.5]
    frame = Image.open(io.BytesIO(client.get(client.url("mip/0.png")).content))
    assert frame.size == (described["width"], described["height"])


def test_frames_are_drawn_once(client, monkeypatch):
    url = client.url("mip/3.png")
    first = client.get(url).content
    monkeypatch.setattr("cipa.view.workbench.mip_frame", None)
    assert client.get(url).content == first
    assert client.get(client.url("mip/48.png")).status_code == 404


def test_a_pet_without_uptake_has_frames_too():
    cold = Volume(np.zeros((20, 20, 9), np.float32), AFFINE)
    assert (np.asarray(Image.open(io.BytesIO(mip_frame(cold, 5)))) == 255).all()
