import subprocess
import sys

import numpy as np
import pytest
import torch

from cipa.data.intensity import (
    grey_to_suv,
    hounsfield,
    normalise,
    standardised_uptake,
    suv_to_grey,
    window_ct,
    window_pet,
)
from cipa.errors import DataError, UsageError


def test_normalise_spans_the_networks_range_linearly():
    grey = torch.tensor([0, 51, 255], dtype=torch.uint8)
    scaled = normalise(grey)
    assert scaled.dtype == torch.float32
    torch.testing.assert_close(scaled, torch.tensor([-1.6, -0.96, 1.6]))
    assert grey.tolist() == [0, 51, 255]


def test_normalise_equals_the_published_arithmetic_in_every_bit():
    grey = np.arange(256, dtype=np.uint8)
    published = np.array(grey, np.float32) / 255.0 * 3.2 - 1.6
    assert np.array_equal(normalise(torch.from_numpy(grey)).numpy(), published)


def test_normalise_refuses_what_is_not_8_bit():
    with pytest.raises(TypeError, match="float32"):
        normalise(torch.zeros(3))


def test_ct_window_clips_and_rounds_to_nearest():
    hu = np.array([-3000, -1200, -500, -497.3, 200, 3000])
    assert window_ct(hu).tolist() == [0, 0, 128, 128, 255, 255]
    assert window_ct(np.array([-160, 40, 240], np.int16), window=(-160, 240)).tolist() == [0, 128, 255]


def test_pet_window_clips_and_scales():
    assert window_pet(np.array([-1.0, 0, 10, 20, 90], np.float32)).tolist() == [0, 0, 128, 255, 255]
    assert window_pet(np.array([5.0]), suv_max=10).tolist() == [128]


def test_scaling_leaves_its_input_alone():
    hu = np.array([-3000.0, 0.0, 3000.0], np.float32)
    window_ct(hu)
    assert hu.tolist() == [-3000, 0, 3000]


@pytest.mark.parametrize("dtype", [np.int16, np.float32, np.float64])
def test_hounsfield_comes_back_within_half_a_step(dtype):
    hu = np.linspace(-1200, 200, 1001).astype(dtype)
    assert np.abs(hounsfield(window_ct(hu)) - hu).max() <= 1400 / 255 / 2 + 1e-3


def test_suv_comes_back_within_half_a_step():
    suv = np.linspace(0, 12, 997, dtype=np.float32)
    assert np.abs(standardised_uptake(window_pet(suv, 12), 12) - suv).max() <= 12 / 255 / 2 + 1e-5


def test_every_grey_survives_the_way_there_and_back():
    grey = np.arange(256, dtype=np.uint8)
    assert np.array_equal(window_ct(hounsfield(grey)), grey)
    assert np.array_equal(window_pet(standardised_uptake(grey)), grey)


def test_not_a_number_is_named_with_its_count():
    with pytest.raises(DataError, match="PET: 2 of 3 voxels"):
        window_pet(np.array([np.nan, 1.0, np.nan]))


def test_impossible_scales_are_refused():
    with pytest.raises(UsageError, match="200 to -1200"):
        window_ct(np.zeros(1), window=(200, -1200))
    with pytest.raises(UsageError, match="largest SUV 0"):
        window_pet(np.zeros(1), suv_max=0)


def test_scaling_does_not_load_torch():
    code = "import sys, cipa.data.intensity, cipa.data.augmentation_recipe; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_arcsinh_gives_low_uptake_more_greys_and_comes_back():
    suv = np.linspace(0, 20, 500, dtype=np.float32)
    grey = window_pet(suv, 20.0, "arcsinh")
    assert (grey[0], grey[-1]) == (0, 255)
    assert np.array_equal(grey, np.rint(255 * np.arcsinh(suv) / np.arcsinh(np.float32(20.0))))
    assert np.unique(grey[suv < 1]).size > 3 * np.unique(window_pet(suv[suv < 1], 20.0)).size / 2
    back = standardised_uptake(grey, 20.0, "arcsinh")
    assert np.all(np.abs(back - suv) <= 0.5 * 3.7 / 255 * np.sqrt(1 + suv**2) * 1.05)
    assert grey_to_suv(suv_to_grey(3.0, 20.0, "arcsinh"), 20.0, "arcsinh") == pytest.approx(3.0)
    with pytest.raises(UsageError, match="choose linear or arcsinh"):
        window_pet(suv, 20.0, "log")
