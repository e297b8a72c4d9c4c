import numpy as np
import pytest

from cipa.lesions.grown import REACH_MM, THRESHOLDS, add_grown, cut_warnings, grow_lesion, grown_row
from cipa.lesions.labelling import lesion_boxes

WORLD = np.diag([4.0, 2.0, 2.0, 1.0])
VOXEL_ML = 0.016
NAMES = [threshold.name for threshold in THRESHOLDS]


def grow(suv, names, number=1):
    box = lesion_boxes(names)[number - 1]
    found = grow_lesion(names, number, box, lambda run: suv[run], float(suv[names == number].max()), WORLD)
    return dict(zip(NAMES, found, strict=True))


@pytest.fixture
def scene():
    """A lesion of SUV 10 with a rim of 4.5 outside its outline, in a background of 1."""
    suv, names = np.full((20, 40, 40), 1.0, np.float32), np.zeros((20, 40, 40), np.uint16)
    suv[8:12, 16:24, 16:24], suv[9:11, 18:22, 18:22] = 4.5, 10.0
    names[9:11, 18:22, 18:22] = 1
    return suv, names


def test_each_threshold_takes_the_voxels_that_reach_it(scene):
    found = grow(*scene)
    core, whole = 2 * 4 * 4, 4 * 8 * 8
    assert found["50pct"].volume_ml == pytest.approx(core * VOXEL_ML)
    for name in ("41pct", "suv2_5", "suv4"):
        assert found[name].volume_ml == pytest.approx(whole * VOXEL_ML)
        assert found[name].tlg == pytest.approx((10 * core + 4.5 * (whole - core)) * VOXEL_ML, rel=1e-6)
        assert not found[name].is_cut


def test_a_region_is_connected_to_the_lesion(scene):
    suv, names = scene
    before = grow(suv, names)
    suv[9:11, 27:30, 18:22] = 9.0  # within reach, but apart
    assert grow(suv, names) == before


def test_a_lesion_below_a_threshold_has_no_volume_at_it(scene):
    suv, names = scene
    found = grow(suv * 0.3, names)  # SUVmax 3
    assert (found["suv4"].volume_ml, found["suv4"].tlg) == (0.0, 0.0)
    assert found["suv2_5"].volume_ml == found["50pct"].volume_ml > 0


def test_a_region_that_would_flood_is_cut_at_its_reach_and_said_to_be(scene):
    suv, names = scene
    suv[9:11, 18:22, 22:] = 6.0  # an organ that begins at the lesion
    found = grow(suv, names)
    assert found["suv4"].is_cut
    assert found["50pct"].is_cut
    beyond = found["50pct"].volume_ml - 2 * 4 * 4 * VOXEL_ML
    assert beyond == pytest.approx(2 * 4 * (REACH_MM / 2) * VOXEL_ML)
    (line,) = cut_warnings({1: tuple(found.values())})
    assert "SUV 4.0 (lesion 1)" in line
    assert f"beyond {REACH_MM:g} mm" in line


def test_regions_of_two_lesions_share_no_voxel_and_meet_half_way():
    suv, names = np.full((6, 20, 60), 1.0, np.float32), np.zeros((6, 20, 60), np.uint16)
    suv[2:4, 8:12, 20:33] = 8.0  # a bridge of 13 columns between and under both
    names[2:4, 8:12, 20:23], names[2:4, 8:12, 30:33] = 1, 2
    first, second = (grow(suv, names, number)["suv4"] for number in (1, 2))
    assert first.volume_ml + second.volume_ml == pytest.approx(2 * 4 * 13 * VOXEL_ML)
    assert first.volume_ml - second.volume_ml == pytest.approx(2 * 4 * VOXEL_ML)  # the middle column is 1's
    assert not first.is_cut
    both = add_grown([(first,), (second,)])
    assert both[0].volume_ml == pytest.approx(2 * 4 * 13 * VOXEL_ML)


def test_columns_are_there_also_where_nothing_was_measured(scene):
    columns = list(grown_row(()))
    assert columns == [
        *(f"{what}" for name in NAMES for what in (f"mtv_{name}_ml", f"tlg_{name}")),
        "cut_at_reach",
    ]
    assert set(grown_row(()).values()) == {None}
    assert grown_row(tuple(grow(*scene).values()))["cut_at_reach"] == ""
