import numpy as np
import pytest
from PIL import Image

from cipa.errors import DataError
from cipa.evaluation.threshold_baseline import best_grey, dice_above, read_histograms, threshold_baseline


def _write(root, name, pet, mask):
    folder = root / name.split("_")[0]
    folder.mkdir(exist_ok=True)
    Image.fromarray(np.asarray(pet, np.uint8)).save(folder / f"{name}_PET.png")
    Image.fromarray(np.asarray(mask, np.uint8) * np.uint8(255)).save(folder / f"{name}_mask.png")


@pytest.fixture
def random_slices(tmp_path):
    rng = np.random.default_rng(0)
    slices = {}
    for number in range(4):
        mask = rng.random((16, 16)) < 0.2
        pet = np.clip(40 + 60 * mask + rng.normal(0, 30, mask.shape), 0, 255).astype(np.uint8)
        slices[f"0001_{number:03d}"] = pet, mask
        _write(tmp_path, f"0001_{number:03d}", pet, mask)
    return tmp_path, slices


def _pooled_dice(slices, threshold) -> float:
    pairs = [(pet >= threshold(pet), mask) for pet, mask in slices.values()]
    found = sum((called & mask).sum() for called, mask in pairs)
    return 2 * found / sum(called.sum() + mask.sum() for called, mask in pairs)


def test_scores_equal_those_of_the_thresholded_images(random_slices):
    root, slices = random_slices
    fixed, share, tuned = threshold_baseline(root, list(slices), tuned_on=list(slices))
    assert fixed.dice == pytest.approx(_pooled_dice(slices, lambda pet: 2.5 / 20 * 255))
    assert share.dice == pytest.approx(_pooled_dice(slices, lambda pet: 0.41 * pet.max()))
    assert tuned.dice == pytest.approx(max(_pooled_dice(slices, lambda pet, g=g: g) for g in range(1, 256)))
    assert "2.5" in fixed.rule
    assert "41%" in share.rule


def test_the_best_threshold_comes_from_the_other_slices(random_slices):
    root, slices = random_slices
    names = list(slices)
    grey = best_grey(read_histograms(root, names[:2]))
    tuned = threshold_baseline(root, names[2:], tuned_on=names[:2])[2]
    assert tuned.dice == pytest.approx(dice_above(read_histograms(root, names[2:]), grey))


def test_without_slices_to_tune_on_there_are_two_rules(random_slices):
    root, slices = random_slices
    assert len(threshold_baseline(root, list(slices))) == 2


def test_another_scale_of_pet_moves_the_fixed_threshold(random_slices):
    root, slices = random_slices
    score = threshold_baseline(root, list(slices), suv_max=10.0)[0]
    assert score.dice == pytest.approx(_pooled_dice(slices, lambda pet: 2.5 / 10 * 255))


def test_slices_without_any_tumour_or_uptake_have_no_dice(tmp_path):
    _write(tmp_path, "0001_001", np.zeros((8, 8)), np.zeros((8, 8)))
    assert np.isnan(threshold_baseline(tmp_path, ["0001_001"])[0].dice)


def test_a_broken_file_is_named(tmp_path):
    _write(tmp_path, "0001_001", np.zeros((8, 8)), np.zeros((8, 8)))
    (tmp_path / "0001" / "0001_001_PET.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"0001_001_PET\.png"):
        threshold_baseline(tmp_path, ["0001_001"])


def test_images_of_two_sizes_are_refused(tmp_path):
    _write(tmp_path, "0001_001", np.zeros((8, 8)), np.zeros((8, 9)))
    with pytest.raises(DataError, match="0001_001"):
        threshold_baseline(tmp_path, ["0001_001"])
