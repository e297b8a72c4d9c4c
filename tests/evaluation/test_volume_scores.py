"""Scores of a volume against hand-worked cases, brute force and stored numbers of MedPy."""

import math

import numpy as np
import pytest
from scipy.ndimage import binary_erosion, gaussian_filter, generate_binary_structure

from cipa.evaluation.volume_scores import score_volume
from medpy_oracle import read_cases

SPACING = (3.0, 0.5, 2.0)
EMPTY = np.zeros((6, 10, 10), bool)


def box(z, y, x):
    mask = EMPTY.copy()
    mask[slice(*z), slice(*y), slice(*x)] = True
    return mask


TUMOUR = box((1, 3), (2, 6), (2, 4))  # 2 x 4 x 2 voxels of 3 mm3: 48 mm3


def blobs(seed, shape=(7, 12, 11)):
    return gaussian_filter(np.random.default_rng(seed).normal(size=shape), 1.5) > 0.05


def brute_force(prediction, truth, spacing):
    """Return every directed distance from the definition: each surface voxel against each."""
    cross = generate_binary_structure(3, 1)
    points = [
        np.argwhere(mask & ~binary_erosion(mask, cross, border_value=0)) * spacing
        for mask in (prediction, truth)
    ]
    table = np.sqrt(((points[0][:, None] - points[1][None]) ** 2).sum(-1))
    return table.min(1), table.min(0)


def test_a_shift_by_one_voxel_worked_by_hand():
    scores = score_volume(box((1, 3), (2, 6), (3, 5)), TUMOUR, SPACING, tolerance=2)
    assert scores.dice == 0.5  # 8 of 16 voxels shared
    assert scores.iou == pytest.approx(8 / 24)
    assert scores.hd95_mm == 2  # all voxels are surface, half of each 2 mm from the other's
    assert scores.nsd == 1
    assert score_volume(box((1, 3), (2, 6), (3, 5)), TUMOUR, SPACING, tolerance=1.9).nsd == 0.5
    assert (scores.truth_ml, scores.prediction_ml) == (0.048, 0.048)
    assert (scores.volume_error_ml, scores.fn_ml, scores.fp_ml) == (0, 0, 0)


def test_volumes_are_in_millilitres_with_the_sign_of_the_error():
    scores = score_volume(TUMOUR | box((5, 6), (8, 10), (8, 10)), TUMOUR, SPACING)
    assert scores.fp_ml == pytest.approx(4 * 3 / 1000)
    assert scores.volume_error_ml == pytest.approx(4 * 3 / 1000)
    assert scores.volume_error_relative == pytest.approx(4 / 16)
    assert (scores.lesions.predicted, scores.lesions.right) == (2, 1)


@pytest.mark.parametrize("tolerance", [0, 1, 2, 3.7])
@pytest.mark.parametrize("seed", range(4))
def test_nsd_and_hd95_equal_brute_force(seed, tolerance):
    prediction, truth = blobs(seed), blobs(seed + 50)
    directed = brute_force(prediction, truth, SPACING)
    scores = score_volume(prediction, truth, SPACING, tolerance)
    assert scores.nsd == np.mean(np.concatenate(directed) <= tolerance)
    assert scores.hd95_mm == pytest.approx(max(np.percentile(each, 95) for each in directed), rel=1e-12)


def test_hd95_is_the_larger_direction_where_a_pooled_percentile_hides_the_smaller_surface():
    truth, prediction = box((0, 6), (0, 9), (0, 9)), box((0, 1), (0, 1), (0, 1))
    scores = score_volume(prediction, truth, (1, 1, 1))
    to_truth, to_prediction = brute_force(prediction, truth, (1, 1, 1))
    assert to_truth.max() == 0
    assert scores.hd95_mm == pytest.approx(np.percentile(to_prediction, 95))


@pytest.mark.parametrize("name", ["volume 1", "volume 2", "volume 3"])
def test_directed_distances_are_medpys(name):
    case = read_cases()[name]
    scores = score_volume(case.prediction, case.truth, case.spacing)
    assert scores.hd95_mm == pytest.approx(max(case.directed), rel=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_nsd_and_hd95_are_monais(seed):
    metrics = pytest.importorskip("monai.metrics", reason="MONAI is an oracle where it is installed")
    torch = pytest.importorskip("torch")
    prediction, truth = blobs(seed), blobs(seed + 9)
    # padded, for MONAI does not take the array's edge for the outside of a mask
    pair = [torch.from_numpy(np.pad(mask, 1))[None, None].float() for mask in (prediction, truth)]
    options = {"include_background": True, "spacing": list(SPACING)}
    nsd = float(metrics.compute_surface_dice(*pair, [2.0], **options))
    hd95_mm = float(metrics.compute_hausdorff_distance(*pair, percentile=95, **options))
    scores = score_volume(prediction, truth, SPACING, tolerance=2)
    assert (scores.nsd, scores.hd95_mm) == (pytest.approx(nsd, rel=1e-6), pytest.approx(hd95_mm, rel=1e-6))


def test_a_distance_of_the_tolerance_is_within_it_whatever_the_rounding():
    truth, prediction = np.zeros((1, 1, 40), bool), np.zeros((1, 1, 40), bool)
    truth[0, 0, 1], prediction[0, 0, 4] = True, True
    assert 3 * 0.1 > 0.3
    assert score_volume(prediction, truth, (1, 1, 0.1), tolerance=0.3).nsd == 1


def test_a_miss_costs_everything():
    scores = score_volume(EMPTY, TUMOUR, SPACING)
    assert (scores.case, scores.dice, scores.iou, scores.nsd) == ("missed", 0, 0, 0)
    assert scores.hd95_mm == pytest.approx(math.hypot(6 * 3, 10 * 0.5, 10 * 2))
    assert (scores.fn_ml, scores.fp_ml) == (0.048, 0)
    assert scores.volume_error_relative == -1
    farthest = score_volume(box((5, 6), (9, 10), (9, 10)), box((0, 1), (0, 1), (0, 1)), SPACING)
    assert scores.hd95_mm > farthest.hd95_mm


def test_a_tumour_made_up_costs_everything():
    scores = score_volume(TUMOUR, EMPTY, SPACING)
    assert (scores.case, scores.dice, scores.iou, scores.nsd) == ("unfounded", 0, 0, 0)
    assert scores.hd95_mm == pytest.approx(math.hypot(6 * 3, 10 * 0.5, 10 * 2))
    assert (scores.fn_ml, scores.fp_ml, scores.volume_error_ml) == (0, 0.048, 0.048)
    assert math.isnan(scores.volume_error_relative)


def test_nothing_found_where_nothing_is_is_right():
    scores = score_volume(EMPTY, EMPTY, SPACING)
    assert (scores.case, scores.dice, scores.iou, scores.nsd, scores.hd95_mm) == ("empty", 1, 1, 1, 0)
    assert (scores.fn_ml, scores.fp_ml, scores.volume_error_ml) == (0, 0, 0)


def test_masks_of_other_shapes_are_refused():
    with pytest.raises(ValueError, match="one shape"):
        score_volume(EMPTY, EMPTY[:3], SPACING)
    with pytest.raises(ValueError, match="one shape"):
        score_volume(EMPTY[0], EMPTY[0], SPACING)
