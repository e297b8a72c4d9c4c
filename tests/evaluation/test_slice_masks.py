"""Masks of other tools for a data set in PCLT20K layout."""

import numpy as np
import pytest
from PIL import Image

from cipa.data.convert.patient import Recipe
from cipa.data.convert.sources import find_triples
from cipa.data.convert.write import convert_volumes
from cipa.data.layout import read_ids
from cipa.data.pclt20k import PCLT20K
from cipa.errors import DataError
from cipa.evaluation.read_mask import MaskReading
from cipa.evaluation.scoring import score_slices
from cipa.evaluation.slice_masks import SliceMasks
from study_truth import BOX, SHAPE, box_mask, write_case, write_nifti

SIZE = 128
SHIFTED = (slice(7, 13), *BOX[1:])


@pytest.fixture
def data(tmp_path):
    """A data set made of two studies, A_1 (patient A1) and B (B)."""
    for name in ("A_1", "B"):
        write_case(tmp_path / "volumes" / name)
    sources = find_triples(tmp_path / "volumes", "*/ct.nii.gz", "*/pet.nii.gz", "*/truth.nii.gz")
    convert_volumes(sources, tmp_path / "data", Recipe(size=SIZE, fit="pad"))
    return tmp_path / "data"


@pytest.fixture
def ids(data):
    return read_ids(data, "train") + read_ids(data, "test")


def score(data, ids, segment):
    return score_slices(PCLT20K(data, ids, SIZE), segment)


def test_the_truth_as_nifti_is_the_truth_and_another_mask_is_not(data, ids, tmp_path):
    for name in ("A_1", "B"):
        write_nifti(tmp_path / "same" / f"{name}.nii.gz", box_mask())
        write_nifti(tmp_path / "off" / f"{name}.nii.gz", box_mask(SHIFTED))
    assert score(data, ids, SliceMasks(tmp_path / "same", data, ids)).dice == 1
    off = score(data, ids, SliceMasks(tmp_path / "off", data, ids))
    assert off.dice == pytest.approx(5 / 6)
    assert len(off.slices) == 2 * SHAPE[2]


@pytest.mark.parametrize("name", ["{patient}/{slice}.png", "masks/{patient}/{slice}.png", "{slice}_mask.png"])
def test_png_masks_are_taken_as_evaluation_and_prediction_write_them(data, ids, tmp_path, name):
    dataset = PCLT20K(data, ids, SIZE)
    for index, slice_id in enumerate(ids):
        path = tmp_path / "m" / name.format(patient=slice_id.split("_")[0], slice=slice_id)
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(dataset[index]["mask"][0].numpy() * np.uint8(255)).save(path)
    assert score(data, ids, SliceMasks(tmp_path / "m", data, ids)).dice == 1


def test_masks_that_are_missing_are_named_before_any_is_read(data, ids, tmp_path):
    write_nifti(tmp_path / "m" / "B.nii.gz", box_mask())
    with pytest.raises(DataError, match=r"m: no mask of A1; add it .* as A1\.nii\.gz"):
        SliceMasks(tmp_path / "m", data, ids)
    (tmp_path / "png" / "B").mkdir(parents=True)
    Image.fromarray(np.zeros((SIZE, SIZE), np.uint8)).save(tmp_path / "png" / "B" / "B_000.png")
    with pytest.raises(DataError, match=r"png: no mask of A1_000, A1_001.* and \d+ more"):
        SliceMasks(tmp_path / "png", data, ids)
    with pytest.raises(DataError, match="no such folder"):
        SliceMasks(tmp_path / "none", data, ids)


def test_a_nifti_mask_of_another_grid_is_refused_or_resampled_if_asked(data, ids, tmp_path):
    for name in ("A_1", "B"):
        write_nifti(tmp_path / "m" / f"{name}.nii.gz", box_mask()[:, :, :5])
    with pytest.raises(DataError, match=r"24 x 20 x 5 voxels .* the CT has 24 x 20 x 6"):
        score(data, ids, SliceMasks(tmp_path / "m", data, ids))
    segment = SliceMasks(tmp_path / "m", data, ids, MaskReading(resample=True))
    assert score(data, ids, segment).dice == 1  # the slice that is lacking holds no tumour
    assert [line.split(":")[0] for line in sorted(segment.warnings)] == ["A_1.nii.gz", "B.nii.gz"]


def test_nifti_masks_need_the_grids_of_metadata(data, ids, tmp_path):
    for name in ("A1", "B"):
        write_nifti(tmp_path / "m" / f"{name}.nii.gz", box_mask())
    (data / "metadata.json").unlink()
    with pytest.raises(DataError, match=r"metadata\.json"):
        SliceMasks(tmp_path / "m", data, ids)


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (np.zeros((SIZE // 2, SIZE), np.uint8), "128 x 64 pixels, but slice B_000 has 128 x 128"),
        (np.ones((SIZE, SIZE), np.uint8), "a mask whose brightest pixel is 1"),
    ],
)
def test_png_masks_of_another_size_or_of_0_and_1_are_refused(data, tmp_path, image, said):
    (tmp_path / "m").mkdir()
    Image.fromarray(image).save(tmp_path / "m" / "B_000.png")
    segment = SliceMasks(tmp_path / "m", data, ["B_000"])
    blank = np.zeros((1, SIZE, SIZE), np.uint8)
    with pytest.raises(DataError, match=said):
        segment(["B_000"], blank, blank)
