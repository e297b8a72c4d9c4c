"""HD95 against MedPy, the library whose numbers it promises."""

import numpy as np
import pytest
from scipy.ndimage import binary_erosion, gaussian_filter, generate_binary_structure

from cipa.evaluation import hd95 as module
from cipa.evaluation.hd95 import bounding_box, hd95, surface

medpy = pytest.importorskip("medpy.metric.binary", reason="MedPy is the oracle: install the dev extra")


def disc(row: int, column: int, radius: int, size: int = 128) -> np.ndarray:
    rows, columns = np.ogrid[:size, :size]
    return (rows - row) ** 2 + (columns - column) ** 2 <= radius**2


def blobs(
    seed: int, shape: tuple[int, ...] = (96, 80), sigma: float = 3.0, level: float = 0.05
) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=shape)
    return gaussian_filter(noise, sigma) > level


PAIRS = {
    "overlapping discs": (disc(60, 60, 9), disc(63, 58, 11)),
    "a far false positive": (disc(60, 60, 9) | disc(120, 5, 2), disc(60, 61, 9)),
    "single pixels": (disc(0, 0, 0), disc(127, 127, 0)),
    "cut by the edge of the image": (disc(0, 40, 12), disc(2, 44, 12)),
    "a ring round a disc": (disc(64, 64, 30) & ~disc(64, 64, 20), disc(64, 64, 10)),
    "the whole image": (np.ones((128, 128), bool), disc(64, 64, 10)),
    "equal masks": (disc(64, 64, 7), disc(64, 64, 7)),
}


@pytest.mark.parametrize("name", PAIRS)
def test_equals_medpy_bit_for_bit_in_pixels(name):
    prediction, truth = PAIRS[name]
    assert hd95(prediction, truth) == medpy.hd95(prediction, truth)


@pytest.mark.parametrize("seed", range(12))
def test_equals_medpy_on_random_shapes_whichever_way_distances_are_taken(seed, monkeypatch):
    prediction, truth = blobs(seed, sigma=1 + seed % 4, level=0.1), blobs(seed + 100)
    expected = medpy.hd95(prediction, truth)
    for sparse in (0, 1 << 40):  # always the tree, always the transform
        monkeypatch.setattr(module, "SPARSE", sparse)
        assert hd95(prediction, truth) == expected


@pytest.mark.parametrize("sparse", [0, 1 << 40])
@pytest.mark.parametrize("spacing", [0.5, (3.27, 0.977)])
def test_spacing_agrees_with_medpy_to_rounding(spacing, sparse, monkeypatch):
    monkeypatch.setattr(module, "SPARSE", sparse)
    prediction, truth = blobs(1), blobs(2)
    assert hd95(prediction, truth, spacing) == pytest.approx(
        medpy.hd95(prediction, truth, voxelspacing=spacing), rel=1e-12
    )


def test_volumes_have_surfaces_on_three_axes():
    prediction, truth = blobs(3, (24, 30, 28)), blobs(4, (24, 30, 28))
    spacing = (3.0, 1.0, 1.5)
    expected = medpy.hd95(prediction, truth, voxelspacing=spacing)
    assert hd95(prediction, truth, spacing) == pytest.approx(expected, rel=1e-12)


def test_any_number_but_zero_is_inside():
    prediction, truth = PAIRS["overlapping discs"]
    expected = hd95(prediction, truth)
    assert hd95(prediction * np.uint8(255), truth.astype(np.float32) * 0.25) == expected


@pytest.mark.parametrize("seed", range(4))
def test_surface_is_the_mask_less_its_erosion(seed):
    mask = blobs(seed)
    eroded = binary_erosion(mask, generate_binary_structure(2, 1))
    np.testing.assert_array_equal(surface(mask), mask ^ eroded)


def test_bounding_box_holds_the_mask_and_no_more():
    mask = np.zeros((5, 6, 7), bool)
    mask[1, 2, 6] = mask[3, 2, 4] = True
    assert bounding_box(mask) == (slice(1, 4), slice(2, 3), slice(4, 7))


def test_empty_masks_and_other_shapes_are_refused():
    empty = np.zeros((128, 128), bool)
    with pytest.raises(ValueError, match="empty mask"):
        hd95(empty, disc(5, 5, 2))
    with pytest.raises(ValueError, match="empty mask"):
        hd95(disc(5, 5, 2), empty)
    with pytest.raises(ValueError, match="one shape"):
        hd95(disc(5, 5, 2), disc(5, 5, 2, size=64))
