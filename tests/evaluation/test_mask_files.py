"""Masks found by name, or read from a table."""

import pytest

from cipa.errors import DataError
from cipa.evaluation.mask_files import find_masks, nifti_stem


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def test_masks_are_known_by_the_id_of_what_they_are_named(tmp_path):
    touch(
        tmp_path, "STS_001.nii.gz", "b_mask.nii", "c/mask.nii.gz", "c/probability.nii.gz", "d e_GTV.nii.bz2"
    )
    touch(tmp_path, "dataset.json", ".hidden.nii.gz", "empty/readme.txt")
    found = {name: str(path.relative_to(tmp_path)) for name, path in find_masks(tmp_path).items()}
    assert found == {
        "STS001": "STS_001.nii.gz",
        "b": "b_mask.nii",
        "c": "c/mask.nii.gz",
        "de": "d e_GTV.nii.bz2",
    }


def test_the_masks_of_an_evaluation_are_in_its_folder_of_masks(tmp_path):
    touch(tmp_path, "masks/a.nii.gz", "stray.nii.gz")
    assert list(find_masks(tmp_path)) == ["a"]


def test_a_table_names_files_from_where_it_stands(tmp_path):
    (tmp_path / "deep").mkdir()
    table = tmp_path / "deep" / "masks.csv"
    table.write_text("study,mask,note\nSTS_001,../one.nii.gz,good\n")
    assert find_masks(table) == {"STS001": tmp_path / "deep" / "../one.nii.gz"}


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("a.nii.gz", "a_mask.nii.gz"), "a second mask of a, beside a.nii.gz"),
        (("a_1.nii.gz", "a1.nii.gz"), "a second mask of a_1, beside a1.nii.gz"),
        (("a/mask.nii.gz", "a/seg.nii"), "a second mask of a"),
    ],
)
def test_two_masks_of_one_study_are_refused(tmp_path, names, said):
    with pytest.raises(DataError, match=said):
        find_masks(touch(tmp_path, *names))


def test_nothing_there_and_a_table_without_columns_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"none: no such folder; give a folder of masks, or a CSV"):
        find_masks(tmp_path / "none")
    (tmp_path / "masks.csv").write_text("patient,mask\n1,a.nii.gz\n")
    with pytest.raises(DataError, match="no column 'study'"):
        find_masks(tmp_path / "masks.csv")


@pytest.mark.parametrize(
    ("name", "stem"), [("A.b.NII.GZ", "A.b"), ("x.nii", "x"), ("x.png", None), ("nii", None)]
)
def test_the_stem_of_a_nifti_file(tmp_path, name, stem):
    assert nifti_stem(tmp_path / name) == stem
