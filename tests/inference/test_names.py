from pathlib import Path

import pytest

from cipa.errors import UsageError
from cipa.inference.names import mask_name, probability_name

NIFTI = (".nii.gz", ".nii")


@pytest.mark.parametrize(
    ("out", "name"),
    [
        ("out/lesion.nii.gz", "out/lesion.nii.gz"),
        ("out/lesion.NII", "out/lesion.NII"),
        ("out", "out/mask.nii.gz"),
        ("patient.1", "patient.1/mask.nii.gz"),
    ],
)
def test_mask_goes_to_the_named_file_or_into_the_named_folder(out, name):
    assert mask_name(Path(out), NIFTI, ()) == Path(name)


def test_folder_that_is_named_like_a_file_is_a_folder(tmp_path):
    (tmp_path / "a.nii").mkdir()
    assert mask_name(tmp_path / "a.nii", NIFTI, ()) == tmp_path / "a.nii" / "mask.nii.gz"


@pytest.mark.parametrize("out", ["a.png", "a.nrrd", "a.nii.bz2"])
def test_name_of_another_format_is_refused(out):
    with pytest.raises(UsageError, match=r"-o .*: give a folder, or a name that ends in \.nii\.gz or \.nii"):
        mask_name(Path(out), NIFTI, ())


def test_input_is_never_the_output(tmp_path):
    with pytest.raises(UsageError, match="an input would be overwritten"):
        mask_name(tmp_path / "a" / ".." / "ct.nii", NIFTI, (tmp_path / "ct.nii",))


@pytest.mark.parametrize(
    ("mask", "name"),
    [
        ("mask.nii.gz", "probability.nii.gz"),
        ("p/a_mask.png", "p/a_probability.png"),
        ("p.1.2_x.nii.gz", "p.1.2_x_probability.nii.gz"),
        ("lesion.nii", "lesion_probability.nii"),
    ],
)
def test_probability_map_stands_beside_its_mask(mask, name):
    assert probability_name(Path(mask)) == Path(name)
