import numpy as np
import pytest

from cipa.errors import UsageError
from cipa.io.plane import fit_plane


def noise(*shape):
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def blob(shape, centre, radius):
    rows, columns = np.ogrid[: shape[0], : shape[1]]
    return ((rows - centre[0]) ** 2 + (columns - centre[1]) ** 2 <= radius**2)[None]


@pytest.mark.parametrize("shape", [(512, 512), (198, 202), (201, 511), (1, 512)])
def test_padded_pixels_return_bit_for_bit(shape):
    plane = fit_plane(shape, (0.977, 0.977), 512)
    images = noise(2, *shape)
    canvas = plane.to_network(images)
    assert canvas.shape == (2, 512, 512)
    assert canvas.dtype == np.uint8
    assert np.array_equal(plane.to_source(canvas.astype(np.float32)), images)


def test_slice_is_centred_in_air():
    canvas = fit_plane((2, 4), (1, 1), 8, fit="pad").to_network(np.full((1, 2, 4), 9, np.uint8))
    expected = np.zeros((8, 8))
    expected[3:5, 2:6] = 9
    assert np.array_equal(canvas[0], expected)


@pytest.mark.parametrize(
    ("shape", "spacing", "size", "content"),
    [
        ((512, 512), (0.977, 0.977), 512, (512, 512)),  # what scanners give: untouched
        ((512, 512), (0.7, 0.7), 512, (512, 512)),  # a smaller reconstruction circle: still untouched
        ((198, 202), (0.977, 0.977), 512, (198, 202)),  # a crop at the usual pixel: kept
        ((256, 256), (1.953125, 1.953125), 512, (512, 512)),  # whole field at half the pixels
        ((1024, 1024), (0.48828125, 0.48828125), 512, (512, 512)),  # whole field at twice the pixels
        ((300, 300), (0.3, 0.3), 512, (92, 92)),  # a magnified crop: brought to the usual pixel
        ((512, 512), (1.0, 2.0), 512, (256, 512)),  # pixels that are not square
        ((700, 700), (1.0, 1.0), 512, (512, 512)),  # wider than the usual field: shrunk to fit
        ((512, 512), (0.9765625, 0.9765625), 128, (128, 128)),  # a network of smaller images
        ((200, 100), (0.9765625, 0.9765625), 128, (50, 25)),
    ],
)
def test_automatic_fit_goes_by_millimetres(shape, spacing, size, content):
    assert fit_plane(shape, spacing, size).content == content


def test_shrunk_square_returns_to_its_place():
    plane = fit_plane((1024, 1024), (0.5, 0.5), 512)
    square = blob((1024, 1024), (300, 640), 60)
    back = plane.to_source(plane.to_network(square.astype(np.uint8) * 255) / np.float32(255)) > 0.5
    assert 2 * np.sum(back & square) / (back.sum() + square.sum()) > 0.99
    rows, columns = np.nonzero(back[0])
    assert rows.mean() == pytest.approx(300, abs=0.1)
    assert columns.mean() == pytest.approx(640, abs=0.1)


def test_oblong_pixels_become_square_and_return():
    plane = fit_plane((100, 400), (4.0, 1.0), 512)
    assert plane.content == (410, 410)
    images = noise(1, 100, 400) // 2 + 64
    back = plane.to_source(plane.to_network(images).astype(np.float32))
    assert back.shape == images.shape
    assert abs(float(back.mean()) - images.mean()) < 1


def test_constant_image_stays_constant_through_resizing():
    plane = fit_plane((700, 500), (1.1, 1.1), 256)
    back = plane.to_source(plane.to_network(np.full((1, 700, 500), 200, np.uint8)).astype(np.float32))
    assert np.allclose(back, 200)


def test_keeping_pixels_that_do_not_fit_is_refused():
    with pytest.raises(UsageError, match="600 x 512 exceed the network's 512 x 512: choose fit 'resample'"):
        fit_plane((600, 512), (1, 1), 512, fit="pad")


def test_unknown_fit_names_the_choices():
    with pytest.raises(UsageError, match="'stretch': choose auto, pad or resample"):
        fit_plane((512, 512), (1, 1), 512, fit="stretch")


@pytest.mark.parametrize("length", [0.0, -500.0, float("nan")])
def test_impossible_field_of_view_is_refused(length):
    with pytest.raises(UsageError, match="field of view"):
        fit_plane((512, 512), (1, 1), 512, field_of_view=length)
