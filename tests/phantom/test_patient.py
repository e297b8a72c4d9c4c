import numpy as np
import pytest

from cipa.phantom.patient import draw_patient


def test_images_are_of_the_promised_kind(patient):
    count = len(patient.numbers)
    assert patient.ct_hu.shape == patient.suv.shape == patient.mask.shape == (count, 128, 128)
    assert (patient.ct_hu.dtype, patient.suv.dtype, patient.mask.dtype) == (np.float32, np.float32, np.uint8)
    assert patient.spacing == (3.27, 500 / 128, 500 / 128)
    assert list(patient.numbers) == sorted(set(patient.numbers))
    assert np.isfinite(patient.ct_hu).all()
    assert patient.suv.min() >= 0


def test_every_slice_shows_tumour_and_there_are_as_many_as_asked(patient):
    assert 4 <= len(patient.numbers) <= 8
    assert patient.mask.max() == 1
    assert (patient.mask.sum((1, 2)) >= 1).all()


@pytest.mark.parametrize("count", [1, 6])
def test_an_exact_number_of_slices_can_be_had(count):
    assert len(draw_patient(0, 3, size=128, slices=(count, count)).numbers) == count


def test_a_seed_gives_the_same_patient_and_another_one_another(patient):
    again = draw_patient(seed=5, index=1, size=128, slices=(4, 8))
    np.testing.assert_array_equal(again.ct_hu, patient.ct_hu)
    np.testing.assert_array_equal(again.suv, patient.suv)
    other = draw_patient(seed=6, index=1, size=128, slices=(1, 1))
    neighbour = draw_patient(seed=5, index=2, size=128, slices=(1, 1))
    assert not np.array_equal(other.ct_hu[0], patient.ct_hu[0])
    assert not np.array_equal(neighbour.ct_hu[0], other.ct_hu[0])


def test_the_whole_thorax_holds_the_same_slices(patient, thorax):
    places = [thorax.numbers.index(number) for number in patient.numbers]
    np.testing.assert_array_equal(thorax.ct_hu[places], patient.ct_hu)
    np.testing.assert_array_equal(thorax.suv[places], patient.suv)
    np.testing.assert_array_equal(thorax.mask[places], patient.mask)
    assert thorax.numbers == tuple(range(1, len(thorax.numbers) + 1))


def test_healthy_slices_come_in_the_share_asked_for_and_show_no_tumour_that_was_left_out(patient, thorax):
    some = draw_patient(seed=5, index=1, size=128, slices=(4, 8), healthy=0.3)
    others = [thorax.numbers.index(number) for number in some.numbers if number not in patient.numbers]
    assert 0 < len(others) < 0.6 * len(thorax.numbers)
    assert thorax.mask[others].sum() == 0
    assert set(patient.numbers) <= set(some.numbers)


def test_neighbouring_slices_resemble_each_other_more_than_distant_ones(thorax):
    ct = thorax.ct_hu
    near = np.abs(np.diff(ct, axis=0)).mean()
    far = np.abs(ct[20:] - ct[:-20]).mean()
    assert near < 0.5 * far


def test_ct_has_air_lung_soft_tissue_and_bone_in_plausible_shares(thorax):
    middle = thorax.ct_hu[len(thorax.ct_hu) // 2]
    area = (500 / 128) ** 2 / 100  # cm2 a pixel
    lung = ((middle > -930) & (middle < -700)).sum() * area
    soft = ((middle > -20) & (middle < 90)).sum() * area
    bone = (middle > 200).sum() * area
    assert 180 < lung < 600
    assert 100 < soft < 600
    assert 8 < bone < 80
    assert np.median(middle[:8, :8]) < -950


def test_tumours_are_denser_and_hotter_than_lung(patient):
    tumour = patient.mask > 0
    lung = (patient.ct_hu < -750) & (patient.ct_hu > -930) & ~tumour
    assert np.median(patient.ct_hu[tumour]) > -300
    assert np.median(patient.suv[tumour]) > 2 * np.median(patient.suv[lung])


def test_pet_shows_hot_places_that_are_no_tumour(thorax):
    assert ((thorax.suv > 2) & (thorax.mask == 0)).sum() > 100


def test_the_tumour_stands_at_the_same_place_at_every_size(patient):
    fine = draw_patient(seed=5, index=1, size=256, slices=(4, 8))
    for number, coarse_mask in zip(patient.numbers, patient.mask, strict=True):
        if coarse_mask.sum() < 6:
            continue
        if number in fine.numbers:
            mask = fine.mask[fine.numbers.index(number)]
            centre = np.argwhere(mask).mean(0) / 2
            assert np.linalg.norm(np.argwhere(coarse_mask).mean(0) - centre) < 1.5
