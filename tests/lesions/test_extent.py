import numpy as np
import pytest

from cipa.lesions.body import Body
from cipa.lesions.extent import largest_distance_mm, longest_axial_mm, side_of

EDGES = (3.0, 2.0, 1.0)


def test_a_row_of_pixels_is_as_long_as_it_has_pixels():
    inside = np.zeros((3, 9, 9), bool)
    inside[1, 4, 2:8] = True
    assert longest_axial_mm(inside, EDGES) == pytest.approx(6.0)
    inside[2, 1:8, 4] = True
    assert longest_axial_mm(inside, EDGES) == pytest.approx(14.0)


def test_a_disk_has_its_diameter_and_the_largest_slice_counts():
    rows, columns = np.ogrid[:101, :201]
    disk = ((rows - 50) * 2.0) ** 2 + (columns - 100) ** 2 <= 40.0**2
    inside = np.stack([disk, np.zeros_like(disk)])
    assert longest_axial_mm(inside, EDGES) == pytest.approx(80.0, abs=2.0)  # of pixels of 2 x 1 mm


def test_parts_of_a_lesion_in_one_slice_count_together():
    inside = np.zeros((1, 30, 30), bool)
    inside[0, 5, 5] = inside[0, 5, 24] = True
    assert longest_axial_mm(inside, EDGES) == pytest.approx(20.0)


def test_dmax_is_the_distance_of_the_centroids_farthest_apart():
    assert largest_distance_mm([]) is None
    assert largest_distance_mm([(1.0, 2.0, 3.0)]) is None
    assert largest_distance_mm([(0, 0, 0), (3, 4, 0), (1, 1, 1)]) == 5.0


@pytest.mark.parametrize(
    ("column", "side"), [(20.0, "right"), (43.0, "midline"), (70.0, "left"), (56.0, "left"), (30.0, "right")]
)
def test_the_side_is_counted_from_the_middle_of_the_body_and_not_of_the_image(column, side):
    cells = np.zeros((4, 10, 50), bool)
    cells[:, 2:8, 12:32] = True  # columns 24 to 63 of 100: the middle is 43.5
    assert side_of((0, 7), column, Body(cells, (2, 2, 2), np.eye(4)), 1.0) == side


def test_where_no_patient_is_there_is_no_side():
    assert side_of((0, 7), 10.0, None, 1.0) is None
    assert side_of((0, 7), 10.0, Body(np.zeros((4, 10, 50), bool), (2, 2, 2), np.eye(4)), 1.0) is None
