import numpy as np
import pytest
from scipy import ndimage

from cipa.io.components import label_components
from cipa.lesions.labelling import keep_lesions, label_lesions, lesion_boxes


def test_lesions_are_numbered_from_the_largest():
    mask = np.zeros((9, 9, 9), np.uint8)
    mask[0, 0, 0] = 1
    mask[3:6, 3:6, 3] = mask[6, 6, 4] = 1  # the last touches by a corner
    mask[0:2, 8, 8] = 1
    labels, count = label_lesions(mask)
    assert count == 3
    assert labels.dtype == np.uint16
    assert (labels[6, 6, 4], labels[3, 3, 3], labels[1, 8, 8], labels[0, 0, 0]) == (1, 1, 2, 3)
    assert np.array_equal(labels > 0, mask > 0)
    assert label_lesions(np.zeros_like(mask))[1] == 0


def test_boxes_of_lesions_are_in_the_indices_of_the_whole():
    labels = np.zeros((9, 8, 7), np.uint16)
    labels[2:4, 5, 1:3], labels[6, 7, 6] = 1, 2
    for view in (labels, labels.T.copy().T, labels[::-1][::-1]):
        boxes = lesion_boxes(view)
        assert boxes == [(slice(2, 4), slice(5, 6), slice(1, 3)), (slice(6, 7), slice(7, 8), slice(6, 7))]
    assert lesion_boxes(np.zeros_like(labels)) == []


@pytest.mark.parametrize("share", [0.002, 0.05, 0.5, 1.0])
def test_lesions_are_those_of_the_whole_volume_however_scattered(share):
    rng = np.random.default_rng(1)
    mask = np.asfortranarray(rng.random((23, 31, 17)) < share).view(np.uint8)
    whole, count = label_components(mask)
    labels, found = label_lesions(mask)
    assert found == count
    pairs = np.unique(np.stack([whole.ravel(), labels.ravel()]), axis=1)
    assert pairs.shape[1] == len(np.unique(whole))  # one to one
    assert np.array_equal(labels > 0, mask > 0)
    sizes = np.bincount(labels.ravel())[1:]
    assert (np.diff(sizes) <= 0).all()
    assert lesion_boxes(labels) == ndimage.find_objects(labels)


@pytest.mark.parametrize("order", ["C", "F"])
def test_lesions_that_are_kept_are_renumbered_in_their_order(order):
    mask = np.zeros((8, 9, 6), np.uint8, order=order)
    mask[0:4, 0:4, 0] = mask[0:2, 7, 1:4] = mask[6, 0, 3:5] = 1
    labels, _ = label_lesions(mask)
    before = labels.copy(order="K")
    keep_lesions(labels, np.eye(4), [1, 2, 3])
    np.testing.assert_array_equal(labels, before)
    keep_lesions(labels, np.eye(4), [2, 3])
    np.testing.assert_array_equal(labels, np.where(before > 1, before - 1, 0))
    keep_lesions(labels, np.eye(4), [])
    assert not labels.any()


def test_more_lesions_than_two_bytes_hold_are_numbered_in_four():
    mask = np.zeros((125, 125, 125), np.uint8)
    mask[::3, ::3, ::3] = 1
    labels, count = label_lesions(mask)
    assert (count, labels.dtype, labels.max()) == (42**3, np.int32, 42**3)
