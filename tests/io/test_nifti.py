import bz2
import gzip
import os
import tracemalloc
import zlib

import nibabel
import numpy as np
import pytest
from nibabel.nifti1 import Nifti1Extension

from cipa.errors import DataError
from cipa.io import nifti
from cipa.io.nifti import read_volume, write_volume
from cipa.io.volume import Volume

AFFINE = np.array([[-0.9, 0.05, 0.1, 80.0], [0.02, -0.9, 0.3, 60.0], [0.0, 0.2, 3.2, -500.0], [0, 0, 0, 1.0]])
VOXELS = np.random.default_rng(0).integers(-1000, 1500, (6, 5, 4)).astype(np.int16)


def save(path, array=VOXELS, affine=AFFINE, sform=1, qform=1, kind=nibabel.Nifti1Image):
    image = kind(array, affine)
    image.set_sform(affine, code=sform)
    image.set_qform(affine, code=qform)
    nibabel.save(image, path)
    return path


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.nii.bz2", "a.hdr"])
def test_every_nifti_name_is_read(tmp_path, name):
    volume = read_volume(
        save(tmp_path / name, kind=nibabel.Nifti1Pair if name == "a.hdr" else nibabel.Nifti1Image)
    )
    assert np.array_equal(volume.array, VOXELS)
    assert volume.array.dtype == np.int16
    assert np.allclose(volume.affine, AFFINE, atol=1e-5)


def test_scaled_integers_become_their_values(tmp_path):
    image = nibabel.Nifti1Image(VOXELS, AFFINE)
    image.header.set_slope_inter(0.5, -24)
    image.set_qform(AFFINE, code=1)
    stored = nibabel.Nifti1Image(VOXELS * 0.5 - 24, AFFINE, image.header)
    stored.header.set_data_dtype(np.int16)
    nibabel.save(stored, tmp_path / "scaled.nii.gz")
    volume = read_volume(tmp_path / "scaled.nii.gz")
    assert volume.array.dtype == np.float32
    assert np.allclose(volume.array, VOXELS * 0.5 - 24, atol=0.05)


def test_big_endian_voxels_come_in_native_order(tmp_path):
    header = nibabel.Nifti1Header(endianness=">")
    save(tmp_path / "a.nii")
    image = nibabel.Nifti1Image(VOXELS.astype(">i2"), AFFINE, header)
    image.set_sform(AFFINE, code=1)
    nibabel.save(image, tmp_path / "big.nii")
    volume = read_volume(tmp_path / "big.nii")
    assert volume.array.dtype.isnative
    assert np.array_equal(volume.array, VOXELS)


def test_trailing_axis_of_one_is_dropped(tmp_path):
    assert read_volume(save(tmp_path / "a.nii", VOXELS[..., None])).shape == VOXELS.shape


@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image])
@pytest.mark.parametrize(("sform", "qform"), [(1, 1), (0, 1), (3, 0), (4, 2)])
def test_mask_keeps_the_place_of_its_volume_bit_for_bit(tmp_path, kind, sform, qform):
    before = read_volume(save(tmp_path / "ct.nii.gz", sform=sform, qform=qform, kind=kind))
    mask = (VOXELS > 0).astype(np.uint8)
    write_volume(tmp_path / "mask.nii.gz", mask, before, note="a mask")
    after = nibabel.load(tmp_path / "mask.nii.gz")
    source = nibabel.load(tmp_path / "ct.nii.gz")
    assert type(after) is type(source)
    assert after.get_data_dtype() == np.uint8
    assert np.array_equal(np.asanyarray(after.dataobj), mask)
    assert np.array_equal(after.affine, source.affine)
    assert (int(after.header["sform_code"]), int(after.header["qform_code"])) == (sform, qform)
    assert np.array_equal(after.header.get_qform(), source.header.get_qform())
    assert np.array_equal(after.header["pixdim"][:4], source.header["pixdim"][:4])
    assert after.header["descrip"].item() == b"a mask"


def test_nothing_that_may_name_the_patient_is_copied(tmp_path):
    image = nibabel.Nifti1Image(VOXELS, AFFINE)
    image.set_sform(AFFINE, code=1)
    image.header["descrip"] = b"Jane Roe"
    image.header["db_name"] = b"Jane"
    image.header.extensions.append(Nifti1Extension("comment", b"Jane Roe"))
    nibabel.save(image, tmp_path / "ct.nii")
    write_volume(tmp_path / "mask.nii", np.zeros(VOXELS.shape, np.uint8), read_volume(tmp_path / "ct.nii"))
    assert b"Jane" in (tmp_path / "ct.nii").read_bytes()
    assert b"Jane" not in (tmp_path / "mask.nii").read_bytes()


def test_pieces_compressed_side_by_side_are_one_stream(tmp_path, monkeypatch):
    monkeypatch.setattr(nifti, "PIECE", 1000)
    array = np.random.default_rng(0).random((9, 10, 11), dtype=np.float32)
    for name in ("a.nii.gz", "b.nii.gz"):
        write_volume(tmp_path / name, array, Volume(array, np.eye(4)))
    packed = (tmp_path / "a.nii.gz").read_bytes()
    assert (tmp_path / "b.nii.gz").read_bytes() == packed
    first = zlib.decompressobj(31)  # of one member alone
    voxels = first.decompress(packed)
    assert (first.eof, first.unused_data) == (True, b"")
    assert voxels.endswith(array.tobytes(order="F"))


def test_volume_made_in_memory_is_written_on_its_affine(tmp_path):
    write_volume(tmp_path / "a.nii.gz", VOXELS, Volume(VOXELS, AFFINE))
    again = read_volume(tmp_path / "a.nii.gz")
    assert np.array_equal(again.array, VOXELS)
    assert np.allclose(again.affine, AFFINE, atol=1e-5)


def test_voxel_volume_counts_shear_and_rotation():
    assert Volume(VOXELS, np.diag([2.0, -5.0, 10.0, 1.0])).voxel_ml == pytest.approx(0.1)


def test_voxels_of_another_shape_are_not_written(tmp_path):
    with pytest.raises(ValueError, match="do not fit"):
        write_volume(tmp_path / "a.nii", VOXELS[1:], Volume(VOXELS, AFFINE))
    assert not list(tmp_path.iterdir())


def refuse(path, words):
    with pytest.raises(DataError, match=words) as caught:
        read_volume(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_counted_and_placed(tmp_path, value):
    array = VOXELS.astype(np.float32)
    array[2, 3, 1] = array[4, 0, 2] = value
    refuse(
        save(tmp_path / "a.nii.gz", array), r"2 of 120 voxels are NaN or infinite, the first at \(2, 3, 1\)"
    )


def test_series_of_volumes_is_refused(tmp_path):
    refuse(
        save(tmp_path / "a.nii", np.stack([VOXELS, VOXELS], axis=-1)), r"\(6, 5, 4, 2\), not one 3-D volume"
    )


def test_flat_image_is_refused(tmp_path):
    refuse(save(tmp_path / "a.nii", VOXELS[..., 0]), "not one 3-D volume")


def test_colour_volume_is_refused(tmp_path):
    colour = np.zeros((3, 3, 3), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    refuse(save(tmp_path / "a.nii", colour), "colour or complex")


def test_complex_volume_is_refused(tmp_path):
    refuse(save(tmp_path / "a.nii", VOXELS.astype(np.complex64)), "colour or complex")


def with_sform(path, affine):
    """Write an affine that nibabel itself may refuse to make."""
    image = nibabel.Nifti1Image(VOXELS, AFFINE)
    image.set_sform(AFFINE, code=1)
    nibabel.save(image, path)
    content = bytearray(path.read_bytes())
    content[280:328] = np.asarray(affine[:3], dtype="<f4").tobytes()
    path.write_bytes(content)
    return path


def test_singular_affine_is_refused(tmp_path):
    singular = AFFINE.copy()
    singular[:, 1] = singular[:, 0]
    refuse(with_sform(tmp_path / "a.nii", singular), "its affine is singular")


def test_zero_affine_is_refused(tmp_path):
    refuse(with_sform(tmp_path / "a.nii", np.zeros((4, 4))), "0 x 0 x 0 mm are not plausible")


def test_affine_in_metres_is_refused(tmp_path):
    refuse(with_sform(tmp_path / "a.nii", np.diag([1e-3, 1e-3, 3e-3, 1])), "millimetres are expected")


def test_affine_that_is_not_a_number_is_refused(tmp_path):
    refuse(with_sform(tmp_path / "a.nii", np.full((4, 4), np.nan)), "not finite")


def test_volume_without_a_place_is_refused(tmp_path):
    refuse(save(tmp_path / "a.nii", sform=0, qform=0), "codes are both 0")


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.nii.bz2"])
@pytest.mark.parametrize("part", [0.0, 0.02, 0.5, 0.95])
def test_truncated_file_is_named(tmp_path, name, part):
    path = save(tmp_path / name, np.random.default_rng(0).normal(size=(20, 20, 20)).astype(np.float32))
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    refuse(path, "or a damaged one|cut short or damaged")


def test_flipped_bits_in_compressed_voxels_are_named(tmp_path):
    path = save(tmp_path / "a.nii.gz", np.random.default_rng(0).normal(size=(20, 20, 20)).astype(np.float32))
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 64] = b"\xff" * 64
    path.write_bytes(content)
    refuse(path, "or a damaged one")


@pytest.mark.parametrize(
    "content",
    [b"hello", gzip.compress(b"hello" * 100), bz2.compress(b"x" * 1000)],
    ids=["text", "gzip", "bzip2"],
)
def test_other_content_is_refused(tmp_path, content):
    (tmp_path / "a.nii.gz").write_bytes(content)
    refuse(tmp_path / "a.nii.gz", "not a NIfTI file")


def test_other_formats_are_refused(tmp_path):
    nibabel.save(nibabel.MGHImage(VOXELS.astype(np.float32), AFFINE), tmp_path / "a.mgz")
    refuse(tmp_path / "a.mgz", "MGH, not NIfTI")


def test_missing_file_is_named(tmp_path):
    refuse(tmp_path / "absent.nii.gz", "no such file")


def test_equal_voxels_give_equal_bytes(tmp_path):
    array = np.random.default_rng(0).random((5, 6, 7)).astype(np.float32)
    for name in ("a", "b"):
        write_volume(tmp_path / f"{name}.nii.gz", array, Volume(array, np.eye(4)))
    assert (tmp_path / "a.nii.gz").read_bytes() == (tmp_path / "b.nii.gz").read_bytes()
    assert np.array_equal(read_volume(tmp_path / "a.nii.gz").array, array)


def edit_header(path, **fields):
    """Overwrite fields of a plain file's header, whatever nibabel thinks of them."""
    content = bytearray(path.read_bytes())
    header = np.frombuffer(content, nibabel.Nifti1Header.template_dtype, 1)
    for name, value in fields.items():
        header[name] = value
    path.write_bytes(content)
    return path


def pack(path):
    """Gzip a plain file."""
    packed = path.with_name(path.name + ".gz")
    packed.write_bytes(gzip.compress(path.read_bytes()))
    return packed


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"dim": [3, 2000, 2000, 2000, 1, 1, 1, 1]}, "2000 x 2000 x 2000 voxels, more than"),
        ({"dim": [3, 32767, 32767, 32767, 1, 1, 1, 1]}, "more than"),
        ({"dim": [3, 512, 512, 1000, 1, 1, 1, 1]}, "more than the file holds"),
        ({"dim": [3, 6, 5, 3, 1, 1, 1, 1]}, "goes on behind the last voxel"),
        ({"dim": [3, -6, 5, 4, 1, 1, 1, 1]}, "holds no voxels|not a NIfTI"),
        ({"vox_offset": np.inf}, "from byte inf on|not a NIfTI"),
        ({"vox_offset": -1000}, "from byte -1000 on|not a NIfTI"),
        ({"vox_offset": 1e30}, "from byte 1e\\+30 on|not a NIfTI"),
        ({"scl_slope": np.inf}, "scl_slope inf"),
        ({"scl_slope": 2, "scl_inter": np.nan}, "scl_inter nan"),
        ({"datatype": 128}, "colour or complex"),
        ({"datatype": 32000}, "not a NIfTI file"),
    ],
)
def test_headers_that_cannot_be_are_refused_before_memory_is_taken(tmp_path, packed, fields, words):
    path = edit_header(save(tmp_path / "a.nii"), **fields)
    refuse(pack(path) if packed else path, words)


@pytest.mark.parametrize("opener", [gzip.open, bz2.open])
def test_a_bomb_is_unpacked_no_further_than_its_header_announces(tmp_path, opener):
    plain = save(tmp_path / "a.nii").read_bytes()
    with opener(tmp_path / "a.nii.gz", "wb") as file:
        file.write(plain)
        for _ in range(64):
            file.write(bytes(2**20))
    tracemalloc.start()
    refuse(tmp_path / "a.nii.gz", "goes on behind the last voxel")
    assert tracemalloc.get_traced_memory()[1] < 16 * 2**20
    tracemalloc.stop()


def test_a_sparse_file_of_too_many_voxels_is_refused(tmp_path):
    path = edit_header(save(tmp_path / "a.nii"), dim=[3, 1500, 1500, 1500, 1, 1, 1, 1])
    with path.open("r+b") as file:
        file.truncate(352 + 2 * 1500**3)
    refuse(path, "1500 x 1500 x 1500 voxels")


def test_a_few_zero_bytes_behind_the_voxels_are_padding(tmp_path):
    path = save(tmp_path / "a.nii")
    path.write_bytes(path.read_bytes() + bytes(160))
    assert np.array_equal(read_volume(path).array, VOXELS)


def test_the_content_says_how_a_file_is_packed(tmp_path):
    packed = pack(save(tmp_path / "a.nii"))
    packed.replace(tmp_path / "b.nii")
    assert np.array_equal(read_volume(tmp_path / "b.nii").array, VOXELS)
    (tmp_path / "c.nii.zst").write_bytes(b"\x28\xb5\x2f\xfd" + bytes(100))
    refuse(tmp_path / "c.nii.zst", "packed by zstd; unpack it first")


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.nii.gz")
    refuse(tmp_path / "a.nii.gz", "a pipe or a device")


@pytest.mark.parametrize("slope", [0, np.nan])
def test_no_slope_is_no_scaling_and_an_offset_beside_it_is_said(tmp_path, slope):
    path = edit_header(save(tmp_path / "a.nii", affine=np.diag([1.0, 1, 3, 1])), scl_slope=slope, scl_inter=0)
    assert (read_volume(path).warnings, read_volume(path).array.dtype) == ((), np.int16)
    volume = read_volume(edit_header(path, scl_inter=-1024))
    assert np.array_equal(volume.array, VOXELS)
    assert "its scl_inter of -1024 is not added" in volume.warnings[0]


@pytest.mark.parametrize(
    "dtype", [np.int8, np.uint16, np.uint32, np.int64, np.uint64, ">i4", ">f8", np.float64]
)
def test_every_grey_type_gives_its_values(tmp_path, dtype):
    array = np.arange(120).reshape(VOXELS.shape).astype(dtype)
    image = nibabel.Nifti1Image(array, AFFINE, nibabel.Nifti1Header(endianness=">"), dtype=array.dtype)
    image.set_sform(AFFINE, code=1)
    nibabel.save(image, tmp_path / "a.nii")
    volume = read_volume(tmp_path / "a.nii")
    assert np.array_equal(volume.array, np.arange(120).reshape(VOXELS.shape))
    assert volume.array.dtype == (np.float32 if array.dtype.kind == "f" else array.dtype.newbyteorder("="))


def test_the_sform_is_taken_and_a_qform_elsewhere_is_said(tmp_path):
    image = nibabel.Nifti1Image(VOXELS, AFFINE)
    moved = np.diag([2.0, 2, 3, 1])
    image.set_sform(moved + np.array([[0, 0, 0, 15.0], [0] * 4, [0] * 4, [0] * 4]), code=2)
    image.set_qform(moved, code=1)
    nibabel.save(image, tmp_path / "a.nii")
    volume = read_volume(tmp_path / "a.nii")
    assert volume.affine[0, 3] == 15
    assert volume.warnings == ("its qform and sform differ by up to 15 mm: the sform is taken",)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("qoffset_x", np.nan, "finite"),
        ("pixdim", [1, np.inf, 1, 1, 0, 0, 0, 0], "qform"),
        ("quatern_b", 5, "qform"),
    ],
)
def test_a_qform_that_is_none_is_said(tmp_path, field, value, said):
    path = edit_header(save(tmp_path / "a.nii", affine=np.diag([1.0, 1, 3, 1])), **{field: value})
    volume = read_volume(path)
    assert np.array_equal(volume.affine, np.diag([1, 1, 3, 1]))
    assert [said in line for line in volume.warnings] == [True]


def test_forms_that_agree_but_for_rounding_are_not_mentioned(tmp_path):
    assert (
        read_volume(save(tmp_path / "a.nii", affine=np.diag([0.9765625, 0.9765625, 3.27, 1]))).warnings == ()
    )


@pytest.mark.parametrize(
    ("unit", "size", "edge", "said"),
    [
        (1, 0.003, 3.0, "in meter: taken times 1000"),
        (3, 3000.0, 3.0, "in micron: taken times 0.001"),
        (1, 3.0, 3.0, "cannot be: taken as mm"),
        (2, 3.0, 3.0, None),
        (0, 3.0, 3.0, None),
    ],
)
def test_units_are_honoured_where_they_can_be_meant(tmp_path, unit, size, edge, said):
    image = nibabel.Nifti1Image(VOXELS, np.eye(4))
    image.set_sform(np.diag([size, size, size, 1]), code=1)
    image.set_qform(None, code=0)
    nibabel.save(image, tmp_path / "a.nii")
    volume = read_volume(edit_header(tmp_path / "a.nii", xyzt_units=unit))
    assert np.allclose(np.diag(volume.affine), [edge, edge, edge, 1])
    assert [said in line for line in volume.warnings] == ([True] if said else [])
    write_volume(tmp_path / "b.nii", VOXELS, volume)
    assert np.array_equal(read_volume(tmp_path / "b.nii").affine, volume.affine)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.float32])
@pytest.mark.parametrize("slope", [1.0, 1 / 255])
def test_a_compressed_volume_holds_the_bytes_of_a_plain_one(tmp_path, order, kind, slope):
    array = np.asarray(np.arange(7 * 6 * 5).reshape(7, 6, 5), kind, order=order)
    like = Volume(array, np.diag([2.0, 2.0, 3.0, 1.0]))
    for name in ("a.nii", "a.nii.gz"):
        write_volume(tmp_path / name, array, like, "note", slope)
    packed = gzip.decompress((tmp_path / "a.nii.gz").read_bytes())
    assert packed == (tmp_path / "a.nii").read_bytes()
    np.testing.assert_allclose(nibabel.load(tmp_path / "a.nii.gz").get_fdata(), array * slope, rtol=1e-6)
