"""HD95 against numbers that MedPy computed, the library whose numbers it promises."""

import numpy as np
import pytest
from scipy.ndimage import binary_erosion, gaussian_filter, generate_binary_structure

from cipa.evaluation import hd95 as module
from cipa.evaluation.hd95 import bounding_box, hd95, surface
from medpy_oracle import read_cases

CASES = read_cases()


def disc(row: int, column: int, radius: int, size: int = 128) -> np.ndarray:
    rows, columns = np.ogrid[:size, :size]
    return (rows - row) ** 2 + (columns - column) ** 2 <= radius**2


def blobs(
    seed: int, shape: tuple[int, ...] = (96, 80), sigma: float = 3.0, level: float = 0.05
) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(size=shape)
    return gaussian_filter(noise, sigma) > level


def named(start: str) -> list[str]:
    found = [name for name in CASES if name.startswith(start)]
    assert found
    return found


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.spacing is None])
def test_equals_medpy_bit_for_bit_in_pixels_whichever_way_distances_are_taken(name, monkeypatch):
    case = CASES[name]
    assert hd95(case.prediction, case.truth) == case.hd95
    for sparse in (0, 1 << 40):  # always the tree, always the transform
        monkeypatch.setattr(module, "SPARSE", sparse)
        assert hd95(case.prediction, case.truth) == case.hd95


@pytest.mark.parametrize("sparse", [0, 1 << 40])
@pytest.mark.parametrize("name", named("spacing") + named("volume"))
def test_spacing_agrees_with_medpy_to_rounding(name, sparse, monkeypatch):
    monkeypatch.setattr(module, "SPARSE", sparse)
    case = CASES[name]
    assert hd95(case.prediction, case.truth, case.spacing) == pytest.approx(case.hd95, rel=1e-12)


def test_one_number_is_the_spacing_of_every_axis():
    case = CASES["spacing, one number"]
    assert hd95(case.prediction, case.truth, 0.5) == pytest.approx(case.hd95, rel=1e-12)


def test_any_number_but_zero_is_inside():
    prediction, truth = disc(60, 60, 9), disc(63, 58, 11)
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
