"""Volumes are looked at before they are taken for CT and PET: what no CT or SUV can be is refused."""

import numpy as np
import pytest

from cipa.errors import DataError
from cipa.io.checks import VolumeWarning, check_pair, lung_ml, pair_warnings, region_warnings
from cipa.io.volume import Volume

SHAPE = (20, 20, 20)


def volume(array, name, step=4.0, origin=(0.0, 0.0, 0.0)):
    affine = np.diag([step, step, step, 1.0])
    affine[:3, 3] = origin
    return Volume(np.asarray(array, np.float32), affine, None, name)


def ct(lowest=-1000.0, **options):
    array = np.full(SHAPE, 40.0)
    array[0] = lowest
    return volume(array, "ct", **options)


def pet(lowest=0.0, highest=5.0, **options):
    array = np.full(SHAPE, 1.0)
    array[0, 0, 0], array[1, 1, 1] = lowest, highest
    return volume(array, "pet", **options)


def test_a_sound_pair_has_no_warnings():
    assert pair_warnings(ct(), pet()) == []


@pytest.mark.parametrize(("lowest", "count"), [(-200.0, 0), (-199.0, 1), (24.0, 1)])
def test_a_ct_without_air_is_said(lowest, count):
    lines = pair_warnings(ct(lowest), None)
    assert len(lines) == count
    assert all("no air: is it in HU?" in line for line in lines)


@pytest.mark.parametrize("highest", [1001.0, 30_000.0])
def test_activity_in_place_of_suv_is_refused(highest):
    with pytest.raises(DataError, match=rf"pet: highest PET value {highest:g} looks like Bq/mL, not SUV"):
        pair_warnings(ct(), pet(highest=highest))


def test_the_highest_suv_that_can_be_is_taken():
    assert pair_warnings(ct(), pet(highest=1000.0)) == []


@pytest.mark.parametrize(("lowest", "highest"), [(-1000.0, 3000.0), (-101.0, 500.0), (-6.0, 5.0)])
def test_a_ct_given_as_pet_is_refused(lowest, highest):
    with pytest.raises(DataError, match="which no SUV is: give PET in SUV, not the CT"):
        pair_warnings(ct(), pet(lowest, highest))


def test_streaks_below_zero_are_counted_and_those_of_rounding_are_not():
    (line,) = pair_warnings(ct(), pet(lowest=-3.0))
    assert line == "pet: 1 PET values below 0, the lowest -3 SUV: taken as 0"
    assert pair_warnings(ct(), pet(lowest=-0.1)) == []


def test_a_pet_without_uptake_is_said():
    (line,) = pair_warnings(ct(), volume(np.zeros(SHAPE), "pet"))
    assert "no PET value above 0" in line


def test_a_pet_elsewhere_is_refused_with_both_centres():
    with pytest.raises(DataError, match=r"centres \(538, 38, 38\) and \(38, 38, 38\) mm"):
        pair_warnings(ct(), pet(origin=(500.0, 0.0, 0.0)))


@pytest.mark.parametrize(("shift", "share"), [(36.0, None), (60.0, "25%")])
def test_a_pet_over_less_than_half_of_the_ct_is_said(shift, share):
    lines = pair_warnings(ct(), pet(origin=(shift, 0.0, 0.0)))
    assert [share in line for line in lines] == ([] if share is None else [True])


def test_what_a_reader_said_of_a_volume_comes_first():
    odd = Volume(ct().array, ct().affine, None, "ct", ("qform and sform differ",))
    assert pair_warnings(odd, None) == ["ct: qform and sform differ"]


def test_checking_a_pair_issues_each_warning():
    with pytest.warns(VolumeWarning) as caught:
        check_pair(ct(24.0), pet(lowest=-3.0))
    assert len(caught) == 2


@pytest.mark.parametrize("part", ["CHEST", " chest ", "WHOLEBODY", "Thorax^Abdomen", ""])
def test_a_header_that_does_not_rule_out_the_chest_is_no_warning(part):
    assert region_warnings(ct(), part) == []


def test_a_header_of_another_part_is_a_warning():
    (line,) = region_warnings(ct(), "knee")
    assert "Body Part Examined (0018,0015) is KNEE, not the chest" in line


def lungs(step):
    """A block of 200 mm edges with a hole of 100 mm edges at -800 HU in it, which is a litre of lung."""
    cells = round(200 / step)
    array = np.full((cells,) * 3, 40.0)
    inner = slice(cells // 4, cells // 4 + round(100 / step))
    array[inner, inner, inner] = -800.0
    return volume(array, "ct", step)


@pytest.mark.parametrize("step", [2.0, 4.0])
def test_lung_is_measured_without_its_rim_whatever_the_voxels(step):
    assert lung_ml(lungs(step)) == pytest.approx(9.2**3, rel=0.02)  # a voxel of 4 mm less on every side


def test_a_large_ct_without_lung_is_said_and_a_small_one_is_not():
    assert region_warnings(lungs(4.0)) == []
    solid = np.full((50, 50, 50), 40.0)
    (line,) = region_warnings(volume(solid, "ct"))
    assert line.startswith("ct: 0 mL of lung in sight: is this the chest?")
    assert region_warnings(volume(solid[:20, :20, :20], "ct")) == []
