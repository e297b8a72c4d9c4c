import json
import shutil
from itertools import permutations, product

import nibabel
import numpy as np
import pytest
from PIL import Image

from cipa.data.convert import (
    ConversionError,
    Recipe,
    SplitRule,
    convert_volumes,
    find_triples,
    restore_masks,
)
from cipa.errors import DataError, UsageError

PAD = Recipe(size=128, fit="pad", slices="tumour")
PLACE = ("qform_code", "sform_code", "quatern_b", "qoffset_x", "srow_x", "srow_y", "srow_z", "xyzt_units")


def convert(study, out, recipe=PAD):
    sources = find_triples(study.root, "*/CT.nii.gz", "*/PET.nii.gz", "*/mask.nii.gz")
    return convert_volumes(sources, out, recipe, SplitRule(fraction=0.0), study.root)


def voxels(path):
    return np.asanyarray(nibabel.load(path).dataobj)


def keep_masks(data, masks, name="{}_mask.png"):
    """Copy a data set's own masks to where a network would have written them."""
    for path in data.glob("*/*_mask.png"):
        target = masks / path.parent.name / name.format(path.name.removesuffix("_mask.png"))
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)


def test_padded_masks_come_back_bit_for_bit_whatever_the_order_of_axes(study, tmp_path):
    codes = ["".join(order) for axes in permutations(("LR", "PA", "SI")) for order in product(*axes)]
    for code in codes:
        study.add(code, code)
    convert(study, tmp_path / "data")
    restored, skipped = restore_masks(tmp_path / "data", tmp_path / "data", tmp_path / "back")
    assert [each.patient for each in restored] == sorted(codes)
    assert skipped == ()
    for code in codes:
        path = tmp_path / "back" / f"{code}.nii.gz"
        assert np.array_equal(voxels(path), voxels(study.root / code / "mask.nii.gz"))
        mask, ct = nibabel.load(path), nibabel.load(study.root / code / "CT.nii.gz")
        assert np.array_equal(mask.affine, ct.affine)
        assert mask.get_data_dtype() == np.uint8
        assert all(np.array_equal(mask.header[field], ct.header[field]) for field in PLACE)
        assert np.array_equal(mask.header["pixdim"][:4], ct.header["pixdim"][:4])


def test_masks_of_0_and_1_are_not_taken_for_empty_ones(study, tmp_path):
    study.add("A", "LAS")
    convert(study, tmp_path / "data")
    keep_masks(tmp_path / "data", tmp_path / "masks")
    for path in (tmp_path / "masks").rglob("*.png"):
        Image.fromarray((np.asarray(Image.open(path)) > 0).astype(np.uint8)).save(path)
    with pytest.raises(ConversionError) as caught:
        restore_masks(tmp_path / "masks", tmp_path / "data", tmp_path / "back")
    assert "a mask whose brightest pixel is 1" in str(caught.value.problems[0])


@pytest.mark.parametrize(("name", "below"), [("{}.png", "masks"), ("{}_mask.png", ".")])
def test_masks_are_found_as_evaluate_and_as_predict_name_them(study, tmp_path, name, below):
    study.add("P")
    convert(study, tmp_path / "data")
    keep_masks(tmp_path / "data", tmp_path / "run" / below, name)
    (mask,), _ = restore_masks(tmp_path / "run", tmp_path / "data", tmp_path / "back")
    assert np.array_equal(voxels(tmp_path / "back" / "P.nii.gz"), study.mask)
    count = np.count_nonzero(study.mask)
    assert (mask.slices, mask.voxels, round(mask.millilitres, 9)) == (4, count, round(0.003 * count, 9))


def test_a_resampled_box_comes_back_to_its_place(study, tmp_path):
    study.mask[:] = 0
    study.mask[3:15, 4:18, 1:5] = 1
    study.add("P", "RSA")
    convert(study, tmp_path / "data", Recipe(size=128, fit="resample", field_of_view=96.0, slices="tumour"))
    restore_masks(tmp_path / "data", tmp_path / "data", tmp_path / "back")
    found, truth = voxels(tmp_path / "back" / "P.nii.gz"), voxels(study.root / "P" / "mask.nii.gz")
    assert 2 * np.sum(found & truth) / (found.sum() + truth.sum()) > 0.97


def test_patients_that_were_not_segmented_are_left_alone(study, tmp_path):
    study.add("P")
    study.add("Q")
    convert(study, tmp_path / "data")
    keep_masks(tmp_path / "data", tmp_path / "masks")
    shutil.rmtree(tmp_path / "masks" / "Q")
    restore_masks(tmp_path / "masks", tmp_path / "data", tmp_path / "back")
    assert [path.name for path in (tmp_path / "back").iterdir()] == ["P.nii.gz"]


def lose(folder):
    (folder / "P_002_mask.png").unlink()


def shrink(folder):
    Image.fromarray(np.zeros((64, 64), np.uint8)).save(folder / "P_002_mask.png")


def damage(folder):
    (folder / "P_002_mask.png").write_bytes(b"")


def add_stray(folder):
    shutil.copy(folder / "P_002_mask.png", folder / "P_006_mask.png")


def rename(folder):
    folder.rename(folder.with_name("X"))


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lose, "no mask of slice P_002"),
        (shrink, "64 x 64 pixels, but the data set has 128 x 128"),
        (damage, "not a PNG"),
        (add_stray, "P_006_mask.png: no slice of the data set"),
        (rename, "no such patient"),
    ],
)
def test_masks_that_are_not_those_of_the_data_set_are_named(study, tmp_path, spoil, words):
    study.add("P")
    study.add("Q")
    convert(study, tmp_path / "data")
    keep_masks(tmp_path / "data", tmp_path / "masks")
    spoil(tmp_path / "masks" / "P")
    with pytest.raises(ConversionError, match="1 of 2") as error:
        restore_masks(tmp_path / "masks", tmp_path / "data", tmp_path / "back")
    (problem,) = error.value.problems
    assert words in str(problem)
    assert not (tmp_path / "back").exists()
    (mask,), skipped = restore_masks(tmp_path / "masks", tmp_path / "data", tmp_path / "back", skip_bad=True)
    assert mask.patient == "Q"
    assert skipped == (problem,)


def test_what_is_no_converted_data_set_is_refused(study, tmp_path):
    study.add("P")
    convert(study, tmp_path / "data")
    keep_masks(tmp_path / "data", tmp_path / "masks")
    metadata = tmp_path / "data" / "metadata.json"
    whole = json.loads(metadata.read_text())
    damaged = whole | {"patients": {"P": {"name": "P"}}}
    for text, words in (
        ("{", "not JSON"),
        ("[]", "schema None"),
        (json.dumps(whole | {"schema": 2}), "schema 2"),
        (json.dumps(damaged), "damaged entry"),
    ):
        metadata.write_text(text)
        with pytest.raises(DataError, match=words):
            restore_masks(tmp_path / "masks", tmp_path / "data", tmp_path / "back")
    with pytest.raises(DataError, match="no such file"):
        restore_masks(tmp_path / "masks", tmp_path, tmp_path / "back")


def test_a_folder_without_masks_and_an_occupied_output_are_refused(study, tmp_path):
    study.add("P")
    convert(study, tmp_path / "data")
    with pytest.raises(DataError, match=r"no PATIENT/SLICE\.png"):
        restore_masks(study.root, tmp_path / "data", tmp_path / "back")
    with pytest.raises(UsageError, match="not an empty folder"):
        restore_masks(tmp_path / "data", tmp_path / "data", tmp_path / "data")
