import numpy as np
import pytest
import torch
import torch.nn.functional as F

from cipa.data.augmentation import AugmentationParameters, AugmentationRecipe, augment, sample

SIDE = 64
ALWAYS = AugmentationRecipe(affine=1, horizontal_flip=1, crop=1)
NEVER = AugmentationRecipe(affine=0, horizontal_flip=0, crop=0)
FIELDS = ("scale", "shift", "flip", "crop_side", "crop_centre")


def steps(scale=(1, 1), shift=(0, 0), flip=(1, 1), crop_side=1.0, crop_centre=(0, 0)):
    """Parameters of one slice; what is not given leaves it alone."""
    return AugmentationParameters(
        *(np.array([value], dtype=float) for value in (scale, shift, flip, crop_side, crop_centre))
    )


def homogeneous(parameters):
    return torch.cat([parameters.matrices()[0].double(), torch.tensor([[0, 0, 1.0]], dtype=torch.double)])


@pytest.fixture
def images():
    """Smooth CT and PET in [-1.6, 1.6] without any symmetry, and the mask CT > 0.4."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, SIDE), torch.linspace(-1, 1, SIDE), indexing="ij")
    ct = 1.5 * torch.sin(2 * x + 0.7 * y + 0.4)
    pet = 1.5 * torch.cos(1.5 * y - x)
    return ct[None, None], pet[None, None], (ct > 0.4).float()[None, None]


def test_nothing_sampled_leaves_the_slices_alone(images):
    for before, after in zip(images, augment(*images, sample(1, 0, [5], NEVER)), strict=True):
        torch.testing.assert_close(after, before, atol=1e-5, rtol=0)


@pytest.mark.parametrize(("flip", "axis"), [((-1, 1), 3), ((1, -1), 2)])
def test_a_flip_mirrors_one_axis(images, flip, axis):
    for before, after in zip(images, augment(*images, steps(flip=flip)), strict=True):
        torch.testing.assert_close(after, before.flip(axis), atol=1e-5, rtol=0)


def test_a_shift_moves_right_and_down_and_fills_with_black(images):
    right, down = 4, 8
    ct, pet, mask = augment(*images, steps(shift=(right / SIDE, down / SIDE)))
    for before, after, black in zip(images, (ct, pet, mask), (-1.6, -1.6, 0), strict=True):
        torch.testing.assert_close(after[..., down:, right:], before[..., :-down, :-right], atol=1e-5, rtol=0)
        for fill in (after[..., :down, :], after[..., :, :right]):
            torch.testing.assert_close(fill, torch.full_like(fill, black), atol=1e-5, rtol=0)


def test_a_scale_stretches_each_axis_about_the_centre():
    disc = torch.zeros(1, 1, SIDE, SIDE)
    disc[..., 24:40, 24:40] = 1  # 16 x 16 about the centre
    _, _, mask = augment(disc, disc, disc, steps(scale=(1.5, 0.5)))
    assert mask[0, 0].sum(dim=1).max() == 24
    assert mask[0, 0].sum(dim=0).max() == 8
    torch.testing.assert_close(mask, mask.flip(2).flip(3))


def test_a_crop_shows_the_square_it_names(images):
    side, left, top = 48, 10, 3
    centre = ((2 * left + side) / SIDE - 1, (2 * top + side) / SIDE - 1)
    ct, _, _ = augment(*images, steps(crop_side=side / SIDE, crop_centre=centre))
    cut = images[0][..., top : top + side, left : left + side]
    resized = F.interpolate(cut, size=(SIDE, SIDE), mode="bilinear", align_corners=False)
    inner = slice(2, -2)  # at its edge the cut has no neighbours to interpolate with
    torch.testing.assert_close(ct[..., inner, inner], resized[..., inner, inner], atol=1e-5, rtol=0)


def test_the_composition_is_affine_then_flip_then_crop(images):
    affine = {"scale": (0.95, 1.08), "shift": (0.07, -0.04)}
    flip = {"flip": (-1, 1)}
    crop = {"crop_side": 0.8, "crop_centre": (0.15, -0.2)}
    at_once = augment(*images, steps(**affine, **flip, **crop))
    one_by_one = images
    for step in (affine, flip, crop):
        one_by_one = augment(*one_by_one, steps(**step))
    product = homogeneous(steps(**affine)) @ homogeneous(steps(**flip)) @ homogeneous(steps(**crop))
    torch.testing.assert_close(homogeneous(steps(**affine, **flip, **crop)), product, atol=1e-6, rtol=0)
    differing = (at_once[0] - one_by_one[0]).abs()
    # resampling three times instead of once blurs a little; only the frame's edge differs by more
    assert differing.median() < 1e-3
    assert (differing > 0.02).float().mean() < 0.03
    assert (at_once[2] != one_by_one[2]).float().mean() < 0.01


def test_mask_and_images_move_together(images):
    ct, _, mask = augment(*images, sample(3, 1, [0], ALWAYS))
    assert set(mask.unique().tolist()) == {0.0, 1.0}
    assert ((ct > 0.4).float() != mask).float().mean() < 0.02


def test_each_slice_gets_its_own_parameters(images):
    parameters = sample(7, 2, [11, 12, 13], ALWAYS)
    batch = augment(*(image.expand(3, -1, -1, -1) for image in images), parameters)
    for place, index in enumerate([11, 12, 13]):
        alone = augment(*images, sample(7, 2, [index], ALWAYS))
        for together, single in zip(batch, alone, strict=True):
            torch.testing.assert_close(together[place], single[0])
    assert not torch.allclose(batch[0][0], batch[0][1], atol=0.1)


def test_what_is_drawn_does_not_depend_on_the_batch():
    whole = sample(7, 2, range(6), AugmentationRecipe())
    part = sample(7, 2, [4, 1], AugmentationRecipe())
    for field in FIELDS:
        assert np.array_equal(getattr(part, field), getattr(whole, field)[[4, 1]])


@pytest.mark.parametrize(("seed", "epoch", "index"), [(8, 2, 0), (7, 3, 0), (7, 2, 1), (2, 7, 0)])
def test_seed_epoch_and_index_each_change_the_draw(seed, epoch, index):
    reference = sample(7, 2, [0], ALWAYS)
    assert not np.allclose(sample(seed, epoch, [index], ALWAYS).scale, reference.scale)


def test_what_is_drawn_fills_the_published_ranges_and_no_more():
    drawn = sample(0, 0, range(4000), ALWAYS)
    ratio = drawn.scale[:, 0] / drawn.scale[:, 1]
    size = np.sqrt(drawn.scale.prod(axis=1))
    for values, low, high in [
        (drawn.shift, -0.1, 0.1),
        (size, 0.9, 1.1),
        (ratio, 0.9, 1.1),
        (drawn.crop_side, 0.7, 0.9),
    ]:
        assert low <= values.min() < low + 0.01 * (high - low)
        assert high - 0.01 * (high - low) < values.max() <= high
        assert values.mean() == pytest.approx((low + high) / 2, abs=0.02 * (high - low))
    reach = np.abs(drawn.crop_centre) + drawn.crop_side[:, None]
    assert 0.99 < reach.max() <= 1


def test_each_step_happens_as_often_as_the_recipe_says():
    recipe = AugmentationRecipe(affine=0.2, horizontal_flip=0.4, vertical_flip=0.6, crop=0.8)
    drawn = sample(0, 0, range(4000), recipe)
    assert (drawn.shift[:, 0] != 0).mean() == pytest.approx(0.2, abs=0.03)
    assert (drawn.flip == -1).mean(axis=0) == pytest.approx([0.4, 0.6], abs=0.03)
    assert (drawn.crop_side < 1).mean() == pytest.approx(0.8, abs=0.03)


def test_another_probability_of_one_step_leaves_the_others_alone():
    usual = sample(7, 2, range(50), AugmentationRecipe())
    uncropped = sample(7, 2, range(50), AugmentationRecipe(crop=0))
    for field in ("scale", "shift", "flip"):
        assert np.array_equal(getattr(usual, field), getattr(uncropped, field))
    assert (uncropped.crop_side == 1).all()
    assert (uncropped.crop_centre == 0).all()


def test_a_slice_and_its_neighbours_are_moved_alike():
    recipe = AugmentationRecipe(affine=1, crop=1, vertical_flip=0.5, misregistration=1, pet_intensity=1)
    draw = torch.Generator().manual_seed(0)
    ct, pet = (torch.rand(2, 3, 32, 32, generator=draw) * 3.2 - 1.6 for _ in range(2))
    mask = (torch.rand(2, 1, 32, 32, generator=draw) > 0.5).float()
    parameters = sample(0, 0, range(2), recipe)
    stack = augment(ct, pet, mask, parameters)
    assert stack[0].shape == stack[1].shape == (2, 3, 32, 32)
    for channel in range(3):
        alone = augment(ct[:, channel : channel + 1], pet[:, channel : channel + 1], mask, parameters)
        for together, one in zip(stack[:2], alone[:2], strict=True):
            assert torch.equal(together[:, channel : channel + 1], one)
        assert torch.equal(stack[2], alone[2])


def test_a_smaller_field_of_view_keeps_a_rectangle_and_blackens_the_rest():
    recipe = AugmentationRecipe(affine=0, horizontal_flip=0, crop=0, field=1, field_smallest=0.5)
    white, mask = torch.full((20, 1, SIDE, SIDE), 1.6), torch.ones(20, 1, SIDE, SIDE)
    ct, pet, cut = augment(white, white, mask, sample(0, 0, range(20), recipe))
    assert torch.equal(ct, pet)
    assert torch.equal(cut > 0, ct > 0)
    assert ((ct.abs() - 1.6).abs() < 1e-6).all()
    for rows, columns in zip((cut[:, 0] > 0).any(2), (cut[:, 0] > 0).any(1), strict=True):
        assert SIDE // 2 - 1 <= rows.sum() <= SIDE
        assert SIDE // 2 - 1 <= columns.sum() <= SIDE
    assert (cut[:, 0].any(2).sum(1) * cut[:, 0].any(1).sum(1) == cut.sum((1, 2, 3))).all()
    assert cut.mean() < 0.9


def test_other_draws_stay_where_a_field_is_cut():
    plain, cut = (sample(1, 0, range(9), AugmentationRecipe(field=field)) for field in (0.0, 1.0))
    assert all(np.array_equal(getattr(plain, name), getattr(cut, name)) for name in FIELDS)
