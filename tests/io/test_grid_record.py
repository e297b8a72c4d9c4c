import json

import nibabel
import numpy as np
import pytest

from cipa.io.grid_record import check_grid_record, grid_record, volume_on
from cipa.io.nifti import read_volume, write_volume
from cipa.io.volume import Volume

AFFINE = nibabel.affines.from_matvec(
    nibabel.eulerangles.euler2mat(0.1, -0.2, 0.3) @ np.diag([0.7, -1.1, 3.3]), [-40.1, 12.2, 5.7]
)
ARRAY = np.arange(24, dtype=np.int16).reshape(2, 3, 4)


@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
@pytest.mark.parametrize("endianness", ["<", ">"])
def test_a_grid_survives_json_bit_for_bit(tmp_path, kind, endianness):
    image = kind(ARRAY, AFFINE, kind.header_class(endianness=endianness))
    image.header.set_qform(AFFINE, 1)
    image.header.set_sform(AFFINE, 2)
    image.header["descrip"] = b"name of a person"
    nibabel.save(image, tmp_path / "ct.nii")
    ct = read_volume(tmp_path / "ct.nii")
    text = json.dumps(grid_record(ct))
    assert "person" not in text
    back = volume_on(json.loads(text), ARRAY)
    assert np.array_equal(back.affine, ct.affine)
    write_volume(tmp_path / "like.nii", ARRAY, ct)
    write_volume(tmp_path / "back.nii", ARRAY, back)
    assert (tmp_path / "back.nii").read_bytes() == (tmp_path / "like.nii").read_bytes()


def test_a_volume_that_was_never_a_file_keeps_its_affine(tmp_path):
    back = volume_on(json.loads(json.dumps(grid_record(Volume(ARRAY, AFFINE)))), ARRAY)
    write_volume(tmp_path / "back.nii", ARRAY, back)
    assert np.allclose(nibabel.load(tmp_path / "back.nii").affine, AFFINE, atol=1e-5)


def test_voxels_of_another_shape_are_refused():
    with pytest.raises(ValueError, match="do not fit"):
        volume_on(grid_record(Volume(ARRAY, AFFINE)), ARRAY.T)


@pytest.mark.parametrize(
    "change",
    [
        {"shape": [3, 3]},
        {"shape": [10**6, 10**6, 10**6]},
        {"shape": ["3", 3, 3]},
        {"affine": [[0.0] * 4] * 4},
        {"affine": None},
        {"affine": (np.eye(4) * 2).tolist()},
        {"nifti": None, "header": {}},
        {"endianness": "x"},
    ],
)
def test_a_record_that_is_none_is_refused(tmp_path, change):
    nibabel.save(nibabel.Nifti1Image(ARRAY, AFFINE), tmp_path / "a.nii")
    volume = Volume(ARRAY, AFFINE, nibabel.load(tmp_path / "a.nii").header)
    record = grid_record(volume)
    assert check_grid_record(record) == record
    with pytest.raises(ValueError, match="a damaged grid"):
        check_grid_record(record | change)


@pytest.mark.parametrize(
    ("field", "value"),
    [("srow_x", [1e308] * 4), ("srow_x", [1, 2, 3, 4]), ("qoffset_x", 1e308), ("sform_code", "x")],
)
def test_a_header_of_another_place_than_the_affine_is_refused(tmp_path, field, value, recwarn):
    nibabel.save(nibabel.Nifti1Image(ARRAY, AFFINE), tmp_path / "a.nii")
    record = grid_record(Volume(ARRAY, AFFINE, nibabel.load(tmp_path / "a.nii").header))
    with pytest.raises(ValueError, match="a damaged grid"):
        check_grid_record(record | {"header": record["header"] | {field: value}})
    assert not recwarn.list
