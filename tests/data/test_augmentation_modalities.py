"""What happens to one modality alone, against shifts, powers and fills done by hand."""

import numpy as np
import pytest
import torch

from cipa.data.augmentation import AugmentationRecipe, augment, sample
from cipa.data.augmentation_modalities import ModalityParameters
from cipa.data.intensity import BLACK, SPAN

SIDE = 64
STILL = {"affine": 0, "horizontal_flip": 0, "crop": 0}


def parameters(**changes):
    """Parameters of one slice; what is not given leaves it alone."""
    values = {
        "scale": np.ones((1, 2)),
        "shift": np.zeros((1, 2)),
        "gain": np.ones(1),
        "gamma": np.ones(1),
        "dropped": np.zeros((1, 2), bool),
    }
    return ModalityParameters(**{**values, **{name: np.array([value]) for name, value in changes.items()}})


def doing(recipe=None, **changes):
    drawn = sample(0, 0, [0], recipe or AugmentationRecipe(**STILL))
    return type(drawn)(*(getattr(drawn, name) for name in list(vars(drawn))[:5]), parameters(**changes))


@pytest.fixture
def images():
    y, x = torch.meshgrid(torch.linspace(-1, 1, SIDE), torch.linspace(-1, 1, SIDE), indexing="ij")
    ct, pet = 1.5 * torch.sin(2 * x + 0.7 * y + 0.4), 1.5 * torch.cos(1.5 * y - x)
    return ct[None, None], pet[None, None], (ct > 0.4).float()[None, None]


def test_by_default_no_modality_is_touched_alone():
    assert sample(3, 1, range(20), AugmentationRecipe()).modalities is None


def test_turning_it_on_leaves_the_published_draws_as_they_were():
    recipe = AugmentationRecipe(misregistration=1, pet_intensity=1)
    usual, more = sample(7, 2, range(20), AugmentationRecipe()), sample(7, 2, range(20), recipe, 0.5)
    for name in ("scale", "shift", "flip", "crop_side", "crop_centre"):
        assert np.array_equal(getattr(usual, name), getattr(more, name))


def test_misregistration_moves_the_pet_and_leaves_ct_and_mask(images):
    right, down = 4, 8
    ct, pet, mask = augment(*images, doing(shift=(right / SIDE, down / SIDE)))
    torch.testing.assert_close(ct, images[0], atol=1e-5, rtol=0)
    assert torch.equal(mask, images[2])
    torch.testing.assert_close(pet[..., down:, right:], images[1][..., :-down, :-right], atol=1e-5, rtol=0)
    torch.testing.assert_close(pet[..., :down, :], torch.full_like(pet[..., :down, :], BLACK))


def test_a_misregistered_pet_is_stretched_about_the_centre():
    disc = torch.full((1, 1, SIDE, SIDE), BLACK)
    disc[..., 24:40, 24:40] = 1.6
    _, pet, _ = augment(disc, disc, disc, doing(scale=(1.5, 0.5)))
    bright = pet[0, 0] > 0
    assert (int(bright.sum(1).max()), int(bright.sum(0).max())) == (24, 8)


def test_a_displaced_pet_then_goes_the_way_of_the_ct(images):
    """The CT, displaced by hand and augmented as CT, is what the PET becomes when it is the same picture."""
    ct, _, mask = images
    flipped = AugmentationRecipe(affine=1, horizontal_flip=1, crop=1)
    moved_by_hand = torch.full_like(ct, BLACK)
    moved_by_hand[..., 5:, 3:] = ct[..., :-5, :-3]
    expected, _, _ = augment(moved_by_hand, ct, mask, doing(flipped))
    _, pet, _ = augment(ct, ct, mask, doing(flipped, shift=(3 / SIDE, 5 / SIDE)))
    assert ((pet - expected).abs() > 0.05).float().mean() < 0.04  # the fill's edge is interpolated once more


def test_intensity_changes_the_suv_by_a_power_and_a_factor(images):
    uptake = (images[1] - BLACK) / SPAN
    _, pet, _ = augment(*images, doing(gain=1.2, gamma=1.1))
    expected = (1.2 * uptake**1.1).clamp(max=1) * SPAN + BLACK
    torch.testing.assert_close(pet, expected, atol=2e-5, rtol=0)
    assert pet.max() <= 1.6 + 1e-5


@pytest.mark.parametrize(("dropped", "black", "kept"), [((1, 0), 0, 1), ((0, 1), 1, 0)])
def test_a_modality_left_out_is_black_and_the_other_untouched(images, dropped, black, kept):
    out = augment(*images, doing(dropped=np.array(dropped, bool)))
    assert torch.equal(out[black], torch.full_like(out[black], BLACK))
    torch.testing.assert_close(out[kept], images[kept], atol=1e-5, rtol=0)
    assert torch.equal(out[2], images[2])


def test_each_slice_of_a_batch_gets_its_own(images):
    batch = [image.expand(8, -1, -1, -1).contiguous() for image in images]
    recipe = AugmentationRecipe(**STILL, misregistration=0.5, pet_intensity=0.5)
    together = augment(*batch, sample(5, 3, range(8), recipe, 0.5))
    for index in range(8):
        alone = augment(*images, sample(5, 3, [index], recipe, 0.5))
        for one, many in zip(alone, together, strict=True):
            torch.testing.assert_close(many[index], one[0], atol=1e-6, rtol=0)


def test_one_of_the_two_is_left_out_as_often_as_asked_and_never_both():
    dropped = sample(0, 0, range(4000), AugmentationRecipe(), 0.4).modalities.dropped
    assert dropped.mean(axis=0) == pytest.approx([0.2, 0.2], abs=0.02)
    assert not dropped.all(axis=1).any()
    assert sample(0, 0, range(50), AugmentationRecipe(), 1.0).modalities.dropped.any(axis=1).all()


def test_what_is_drawn_fills_the_ranges_and_no_more():
    recipe = AugmentationRecipe(misregistration=0.5, pet_intensity=0.25, pet_gain=0.3, pet_gamma=0.1)
    drawn = sample(0, 0, range(4000), recipe).modalities
    assert (drawn.shift[:, 0] != 0).mean() == pytest.approx(0.5, abs=0.03)
    assert (drawn.gain != 1).mean() == pytest.approx(0.25, abs=0.03)
    for values, low, high in [
        (drawn.shift, -0.02, 0.02),
        (drawn.scale, 0.98, 1.02),
        (drawn.gain, 1 / 1.3, 1.3),
        (drawn.gamma, 1 / 1.1, 1.1),
    ]:
        assert low <= values.min() < low + 0.02 * (high - low)
        assert high - 0.02 * (high - low) < values.max() <= high


def test_the_ct_is_moved_against_pet_and_mask(images):
    right, down = 4, 8
    ct, pet, mask = augment(*images, doing(ct_angle=0.0, ct_shift=(right / SIDE, down / SIDE)))
    torch.testing.assert_close(ct[..., down:, right:], images[0][..., :-down, :-right], atol=1e-5, rtol=0)
    torch.testing.assert_close(pet, images[1], atol=1e-5, rtol=0)
    assert torch.equal(mask, images[2])


def test_the_ct_is_turned_about_the_centre_clockwise(images):
    ct, pet, _ = augment(*images, doing(ct_angle=np.pi / 2, ct_shift=(0.0, 0.0)))
    torch.testing.assert_close(ct, images[0].rot90(-1, (2, 3)), atol=1e-4, rtol=0)
    torch.testing.assert_close(pet, images[1], atol=1e-5, rtol=0)


def test_the_ct_is_turned_and_shifted_as_often_and_as_far_as_the_recipe_says():
    recipe = AugmentationRecipe(ct_rotation=0.5, ct_shift=0.25, ct_shift_largest=0.01)
    drawn = sample(0, 0, range(400), recipe).modalities
    angles, shifts = np.rad2deg(drawn.ct_angle), drawn.ct_shift
    assert 0.4 < np.count_nonzero(angles) / 400 < 0.6
    assert 0.18 < np.count_nonzero(shifts.any(1)) / 400 < 0.32
    assert 4 < np.abs(angles).max() <= 5
    assert 0.008 < np.abs(shifts).max() <= 0.01


def test_gain_is_of_the_suv_where_greys_are_arcsinh():
    suv = torch.linspace(0, 15, 16).reshape(1, 1, 4, 4)
    grey = torch.asinh(suv) / np.arcsinh(20.0) * SPAN + BLACK
    found = parameters(gain=1.25).recolour(grey, arcsinh_max=20.0)
    expected = torch.asinh(1.25 * suv) / np.arcsinh(20.0) * SPAN + BLACK
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
