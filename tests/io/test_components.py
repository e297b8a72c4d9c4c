"""Which voxels are one lesion, and in which order lesions are numbered."""

import numpy as np
import pytest

from cipa.io.components import label_components


def mask_of(*voxels, shape=(5, 5, 5)):
    mask = np.zeros(shape, np.uint8)
    for voxel in voxels:
        mask[voxel] = 1
    return mask


@pytest.mark.parametrize("small", [False, True])
@pytest.mark.parametrize(
    ("other", "count"),
    [((2, 2, 3), 1), ((2, 3, 3), 1), ((3, 3, 3), 1), ((2, 2, 4), 2), ((4, 4, 4), 2), ((4, 3, 3), 2)],
)
def test_faces_edges_and_corners_connect_and_a_gap_does_not(small, other, count):
    labels, found = label_components(mask_of((2, 2, 2), other), small)
    assert (found, labels.max()) == (count, count)
    assert labels.dtype == (np.uint16 if small else np.int32)


@pytest.mark.parametrize("small", [False, True])
def test_parts_are_numbered_as_a_scan_meets_them(small):
    labels, _ = label_components(mask_of((4, 0, 0), (0, 4, 4), (2, 2, 2)), small)
    assert [labels[0, 4, 4], labels[2, 2, 2], labels[4, 0, 0]] == [1, 2, 3]


@pytest.mark.parametrize("small", [False, True])
def test_an_empty_mask_has_no_parts(small):
    labels, count = label_components(mask_of(), small)
    assert (count, labels.any()) == (0, False)


def test_more_parts_than_sixteen_bits_can_number_are_numbered_all_the_same():
    mask = np.zeros((82, 82, 82), bool)
    mask[::2, ::2, ::2] = True
    labels, count = label_components(mask, small=True)
    assert count == 41**3 > 2**16
    assert labels.dtype == np.int32
    assert len(np.unique(labels)) == count + 1


def test_any_value_but_zero_is_inside():
    assert label_components(np.array([[[0.5, 0.0, -2.0]]]))[1] == 2
