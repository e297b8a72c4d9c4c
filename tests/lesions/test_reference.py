import numpy as np
import pytest

from cipa.errors import DataError
from cipa.io.volume import Volume
from cipa.lesions.reference import measure_reference, percist_region, percist_threshold

AFFINE = np.array([[-4.0, 0, 0, 100], [0, -4.0, 0, 100], [0, 0, 4.0, -100], [0, 0, 0, 1.0]])
"""Columns to the patient's left, rows to the back: LPS is -RAS in x and y."""

LIVER = (-40.0, 0.0, 0.0)


@pytest.fixture
def images():
    """A patient of soft tissue with a liver of SUV 2.5 on the right."""
    noise = np.random.default_rng(1).normal(0, 0.2, (50, 50, 50))
    suv = (0.8 + noise).astype(np.float32)
    suv[:25] += 1.7
    hu = np.full(suv.shape, -1000, np.int16)
    hu[5:45, 8:42] = 55
    return Volume(suv, AFFINE), Volume(hu, AFFINE)


def test_a_sphere_of_three_centimetres_is_measured_on_the_pet_s_own_voxels(images):
    pet, ct = images
    found, lines = measure_reference("liver", LIVER, pet, ct)
    assert lines == []
    x, y, z = np.ogrid[-5:6, -5:6, -5:6]
    assert found.voxels == np.count_nonzero(16 * (x**2 + y**2 + z**2) <= 15**2)
    assert found.mean_suv == pytest.approx(2.5, abs=0.05)
    assert found.sd_suv == pytest.approx(0.2, abs=0.03)
    assert found.facts()["centre_l_mm"] == -40.0


def test_a_cylinder_of_one_by_two_centimetres_lies_along_the_body(images):
    found, _ = measure_reference("blood_pool", (-60.0, 0.0, 0.0), *images)
    assert found.voxels == pytest.approx(np.pi * 25 * 20 / 64, rel=0.35)


def test_percist_asks_for_one_and_a_half_liver_means_and_two_deviations():
    assert percist_threshold("liver", 2.0, 0.25) == 3.5
    assert percist_threshold("blood_pool", 1.5, 0.25) == 3.5
    assert percist_region(["blood_pool", "liver"]) == "liver"
    assert percist_region(["blood_pool"]) == "blood_pool"
    assert percist_region([]) is None


@pytest.mark.parametrize(
    ("centre", "line"),
    [
        ((-95.0, 0.0, 0.0), "--liver-mm -95 0 0: the sphere of 3 cm there is not wholly in the PET"),
        ((0.0, 0.0, 400.0), "not wholly in the PET"),
        ((0.0, 82.0, 0.0), "is in air or lung, mean CT"),
    ],
)
def test_a_region_outside_the_patient_is_refused(images, centre, line):
    with pytest.raises(DataError, match=line):
        measure_reference("liver", centre, *images)


def test_what_a_region_cannot_be_is_said(images):
    pet, ct = images
    _, (uneven,) = measure_reference("liver", (0.0, 0.0, 0.0), pet, ct)
    assert "standard deviation" in uneven
    hot = Volume(np.asarray(pet.array) * 4, AFFINE)
    _, (wrong,) = measure_reference("liver", LIVER, hot, ct)
    assert "not 0.8 to 5 as in liver" in wrong
    _, (rim,) = measure_reference("liver", (-40.0, 58.0, 0.0), pet, ct)
    assert "of the region is air or lung" in rim
    bone = Volume(np.where(np.asarray(ct.array) > 0, 700, -1000), AFFINE)
    _, (hard,) = measure_reference("liver", LIVER, pet, bone)
    assert "mean CT 700 HU, not that of liver" in hard
    labels = Volume(np.ones(pet.shape, np.uint16), AFFINE)
    _, (lesion,) = measure_reference("liver", LIVER, pet, ct, labels)
    assert "overlaps a lesion" in lesion
