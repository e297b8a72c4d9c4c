from itertools import permutations, product

import nibabel
import numpy as np
import pytest
from nibabel.affines import apply_affine, from_matvec

from cipa.errors import DataError, UsageError
from cipa.inference.predictor import Predictor
from cipa.io.checks import pair_warnings
from cipa.io.grid import resample
from cipa.io.volume import Volume

LPS = from_matvec(np.diag([-1.0, -1.0, 3.0]), [14.0, 13.0, -9.0])
SHAPE = (28, 26, 7)
PET = from_matvec(np.diag([-2.0, -2.0, 3.0]), [16.0, 15.0, -12.0])
PET_SHAPE = (17, 16, 9)
OBLIQUE = from_matvec(nibabel.eulerangles.euler2mat(0.12, -0.2, 0.1), [3.0, -2.0, 1.0])
OPTIONS = {"field_of_view": 32.0}
"""The test network's 32 pixels span 32 mm: CT pixels of 1 mm are kept."""


def body(points):
    """CT in HU: air above y = 9 mm (the patient's front), water below."""
    return np.where(points[..., 1] > 9, -1000.0, 0.0)


def uptake(points):
    """PET in SUV, linear in the world and different along every axis, so that no flip goes unnoticed."""
    return np.maximum(10.0 + points @ [0.35, 0.2, 0.6], 0.0)


def hot(points):
    """Where the test network must see tumour: above half of SUV 20, inside the body."""
    return (uptake(points) >= 10.0) & (body(points) > -500)


def centres(volume):
    return apply_affine(volume.affine, np.moveaxis(np.indices(volume.shape), 0, -1))


def predict(network, ct, pet, **options):
    predictor = Predictor(network(), "cpu", batch_size=3)
    return predictor.predict(ct, pet, **(OPTIONS | options)).mask


def warnings_of(network, ct, pet):
    return " ".join(Predictor(network(), "cpu").predict(ct, pet, **OPTIONS).warnings)


def disagreement(mask, ct):
    """Voxels that differ from the truth and are not at the very rim, where 8-bit rounding decides."""
    points = centres(ct)
    clear = np.abs(uptake(points) - 10.0) > 0.05
    return np.count_nonzero((mask != hot(points)) & clear)


def test_mask_lies_where_the_uptake_is(network, make_volume):
    ct, pet = make_volume(body, LPS, SHAPE), make_volume(uptake, PET, PET_SHAPE)
    mask = predict(network, ct, pet)
    assert mask.shape == SHAPE
    assert 0.1 < mask.mean() < 0.9
    assert disagreement(mask, ct) == 0


@pytest.mark.parametrize("flips", list(product((1, -1), repeat=3)))
@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_every_order_and_direction_of_axes_gives_the_same_mask(network, make_volume, order, flips):
    ct, pet = make_volume(body, LPS, SHAPE), make_volume(uptake, PET, PET_SHAPE)
    expected = predict(network, ct, pet)
    turn = np.column_stack([order, flips])

    def turned(volume):
        affine = volume.affine @ nibabel.orientations.inv_ornt_aff(turn, volume.shape)
        return Volume(nibabel.apply_orientation(volume.array, turn), affine)

    mask = predict(network, turned(ct), pet)
    assert np.array_equal(mask, nibabel.apply_orientation(expected, turn))
    assert np.array_equal(predict(network, ct, turned(pet)), expected)


def test_oblique_volumes_meet_in_the_world(network, make_volume):
    ct = make_volume(body, OBLIQUE @ LPS, SHAPE)
    pet_affine = from_matvec(nibabel.eulerangles.euler2mat(0.3, 0.1, -0.4), [0, 0, 0]) @ from_matvec(
        np.diag([-3.0, 3.0, -3.0]), [45.0, -45.0, 45.0]
    )
    pet = make_volume(uptake, pet_affine, (31, 31, 31))
    assert disagreement(predict(network, ct, pet), ct) == 0


def marked(points):
    """The body with its left side (x below -12 mm) at 200 HU and its top slice (z above 8 mm) at 100 HU."""
    x, z = points[..., 0], points[..., 2]
    return np.where(x < -12, 200.0, np.where((z > 8) & (body(points) > -500), 100.0, body(points)))


def test_network_sees_slices_as_a_radiologist_does(network, make_volume):
    right_front_feet = from_matvec(np.diag([1.0, 1.0, -3.0]), [-13.0, -12.0, 9.0])
    predictor = Predictor(network(), "cpu", batch_size=100)
    ct = make_volume(marked, right_front_feet, SHAPE)
    predictor.predict(ct, make_volume(uptake, PET, PET_SHAPE), **OPTIONS)
    seen = predictor.models[0].seen[0][0][:, 0].numpy()
    assert np.all(seen[:, 3:29, 29] == np.float32(1.6)), "the patient's left is on the right of the image"
    assert np.all(seen[:, 3, 2:29] < -1.1), "the patient's front is on top"
    assert np.all(seen[:, 28, 2:29] > 1.1), "the patient's back is at the bottom"
    assert seen[6, 16, 16] > seen[5, 16, 16] == seen[0, 16, 16], "slices go from the feet to the head"
    assert np.all(seen[:, :3] == np.float32(-1.6)), "air is around"


def test_pet_beyond_its_grid_is_without_uptake(network, make_volume):
    ct = make_volume(body, LPS, SHAPE)
    pet = make_volume(lambda points: np.full(points.shape[:-1], 15.0), PET, (17, 16, 4))
    mask = predict(network, ct, pet)
    covered = centres(ct)[..., 2] <= -3.0 + 1.5
    assert np.array_equal(mask, (covered & (ct.array > -500)).astype(np.uint8))


def test_pixels_on_a_resampled_grid_return_to_the_ct(network, make_volume):
    fine = LPS @ np.diag([0.25, 0.25, 1.0, 1.0])
    ct, pet = make_volume(body, fine, (112, 104, 7)), make_volume(uptake, PET, PET_SHAPE)
    mask = predict(network, ct, pet)
    assert mask.shape == (112, 104, 7)
    truth = hot(centres(ct))
    assert 2 * np.sum(mask & truth) / (mask.sum() + truth.sum()) > 0.97


def test_windows_are_the_weights_own_unless_given(network, make_volume):
    ct, pet = make_volume(body, LPS, SHAPE), make_volume(uptake, PET, PET_SHAPE)
    assert np.array_equal(predict(network, ct, pet), predict(network, ct, pet, suv_max=20.0))
    assert predict(network, ct, pet, suv_max=15.0).sum() > predict(network, ct, pet).sum()
    assert predict(network, ct, pet, ct_window=(100.0, 200.0)).sum() == 0


def test_one_batch_at_a_time_reaches_the_network_and_progress_is_told(network, make_volume):
    ct, pet = make_volume(body, LPS, SHAPE), make_volume(uptake, PET, PET_SHAPE)
    predictor = Predictor(network(), "cpu", batch_size=3)
    told = []
    predictor.predict(ct, pet, progress=lambda *done: told.append(done), **OPTIONS)
    assert [len(images) for images, _ in predictor.models[0].seen] == [3, 3, 1]
    assert told == [(3, 7), (6, 7), (7, 7)]


def test_keeping_pixels_that_do_not_fit_is_refused_before_any_work(network, make_volume):
    ct, pet = make_volume(body, LPS, (40, 26, 7)), make_volume(uptake, PET, PET_SHAPE)
    predictor = Predictor(network(), "cpu")
    with pytest.raises(UsageError, match="exceed the network's 32 x 32"):
        predictor.predict(ct, pet, fit="pad")
    assert not predictor.models[0].seen


def test_pet_in_becquerel_is_refused(network, make_volume):
    ct, pet = make_volume(body, LPS, SHAPE, "ct.nii"), make_volume(uptake, PET, PET_SHAPE, "pet.nii")
    pet.array[3, 3, 3] = 25000
    with pytest.raises(DataError, match=r"pet\.nii: highest PET value 25000 looks like Bq/mL, not SUV"):
        predict(network, ct, pet)


def test_pet_in_becquerel_with_a_little_noise_below_zero_is_still_told_as_such(network, make_volume):
    ct, pet = make_volume(body, LPS, SHAPE), make_volume(uptake, PET, PET_SHAPE)
    pet.array[3, 3, 3:5] = 25000, -300
    with pytest.raises(DataError, match="looks like Bq/mL"):
        predict(network, ct, pet)


def test_ct_given_as_pet_is_told_from_becquerel(network, make_volume):
    ct, bone = make_volume(body, LPS, SHAPE), make_volume(body, LPS, SHAPE, "bone.nii")
    bone.array[3, 3, 3] = 1547
    with pytest.raises(DataError, match=r"bone\.nii: lowest PET value -1000 is negative.*exchanged"):
        predict(network, ct, bone)


def test_exchanged_ct_and_pet_are_refused(network, make_volume):
    ct, pet = make_volume(body, LPS, SHAPE, "ct.nii"), make_volume(uptake, PET, PET_SHAPE)
    with pytest.raises(DataError, match=r"ct\.nii: lowest PET value -1000 is negative"):
        predict(network, pet, ct)


def test_streaks_below_zero_are_taken_and_said(network, make_volume):
    ct, pet = make_volume(body, LPS, SHAPE), make_volume(uptake, PET, PET_SHAPE)
    pet.array[0, 0, :3] = -0.4
    assert pair_warnings(ct, pet) == [f"{pet.name}: 3 PET values below 0, the lowest -0.4 SUV: taken as 0"]
    assert predict(network, ct, pet).any()


def test_interpolation_dips_below_zero_are_taken(network, make_volume):
    ct, pet = make_volume(body, LPS, SHAPE), make_volume(uptake, PET, PET_SHAPE)
    pet.array[0, 0, 0] = -0.05
    assert predict(network, ct, pet).any()


def test_volumes_of_two_places_are_refused(network, make_volume):
    ct, pet = make_volume(body, LPS, SHAPE), make_volume(uptake, PET, PET_SHAPE, "pet.nii")
    away = Volume(pet.array, from_matvec(np.eye(3), [500, 0, 0]) @ pet.affine, None, "pet.nii")
    with pytest.raises(DataError, match=r"pet\.nii: the PET does not meet the CT in space \(centres \(500,"):
        predict(network, ct, away)


def test_ct_without_air_is_warned_about(network, make_volume):
    ct, pet = make_volume(lambda points: body(points) + 1024, LPS, SHAPE), make_volume(uptake, PET, PET_SHAPE)
    assert "lowest CT value 24, no air: is it in HU" in warnings_of(network, ct, pet)


def test_pet_that_covers_little_of_the_ct_is_warned_about(network, make_volume):
    ct, pet = make_volume(body, LPS, SHAPE), make_volume(uptake, PET, (17, 16, 3))
    assert "covers 29% of the CT" in warnings_of(network, ct, pet)


def test_pet_without_uptake_is_warned_about(network, make_volume):
    ct, pet = make_volume(body, LPS, SHAPE), make_volume(lambda points: points[..., 0] * 0, PET, PET_SHAPE)
    assert predict(network, ct, pet).sum() == 0
    assert "no PET value above 0" in warnings_of(network, ct, pet)


def test_pet_at_the_voxels_of_the_ct_comes_with_the_mask(network, make_volume):
    ct, pet = make_volume(body, LPS, SHAPE), make_volume(uptake, PET, PET_SHAPE)
    found = Predictor(network(), "cpu").predict(ct, pet, **OPTIONS)
    expected = resample(pet.array, pet.affine, ct.affine, ct.shape)
    assert np.allclose(found.pet_on_ct, expected, atol=1e-4)
    assert np.shares_memory(found.axial(found.mask), found.mask)


def test_a_network_of_three_slices_sees_each_between_its_neighbours(network, make_volume):
    """Its answer is the slice above: the mask of two slices is as if the volume were moved by one."""

    class Above(type(network())):
        def forward(self, ct, pet):
            return super().forward(ct[:, 2:], pet[:, 2:])

    ct, pet = make_volume(body, LPS, SHAPE), make_volume(uptake, PET, PET_SHAPE)
    own = predict(network, ct, pet)
    above = Predictor(Above(slices=3), "cpu", batch_size=3).predict(ct, pet, **OPTIONS).mask
    assert own.any()
    assert np.array_equal(above[:, :, :-1], own[:, :, 1:])
    assert np.array_equal(above[:, :, -1], own[:, :, -1])
