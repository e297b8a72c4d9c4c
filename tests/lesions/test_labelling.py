import numpy as np
import pytest
from scipy import ndimage

from cipa.io.components import label_components
from cipa.lesions.labelling import label_lesions, lesion_boxes, without_short


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


def test_lesions_below_the_smallest_volume_are_left_out_and_the_others_keep_their_numbers():
    mask = np.zeros((12, 4, 4), np.uint8)
    mask[0:4, 0, 0] = mask[6:8, 0, 0] = mask[10, 0, 0] = 1
    labels, _ = label_lesions(mask)
    kept, count = label_lesions(mask, 0.1, 0.2)
    assert count == 2
    np.testing.assert_array_equal(kept, np.where(labels == 3, 0, labels))
    np.testing.assert_array_equal(label_lesions(mask, 0.1, 0.0)[0], labels)


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
def test_lesions_that_span_too_few_slices_are_left_out_and_the_others_numbered_anew(order):
    affine = np.diag([2.0, 2.0, 3.0, 1.0])
    mask = np.zeros((8, 9, 6), np.uint8, order=order)
    mask[0:4, 0:4, 0] = 1  # one slice of 3 mm, the largest
    mask[0:2, 7, 1:4] = 1  # three
    mask[6, 0, 3:5] = 1  # two
    labels, _ = label_lesions(mask)
    kept, count = without_short(labels, affine, 6.0)
    assert count == 2
    np.testing.assert_array_equal(kept, np.where(labels > 1, labels - 1, 0))
    assert (kept.dtype, kept.strides) == (labels.dtype, labels.strides)
    assert without_short(labels, affine, 9.1)[1] == 0
    assert without_short(labels, affine, 0.0)[0] is labels
