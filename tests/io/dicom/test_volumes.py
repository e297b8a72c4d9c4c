from dataclasses import replace
from itertools import product

import nibabel
import numpy as np
import pytest
from pydicom import dcmread
from pydicom.encaps import encapsulate
from pydicom.uid import DeflatedExplicitVRLittleEndian, RLELossless

from cipa.errors import DataError
from cipa.io.dicom.pixels import read_pixels
from cipa.io.dicom.study import read_study
from cipa.io.dicom.volumes import read_pet_ct
from cipa.io.nifti import read_volume, write_volume
from dicom_files import write_series
from studies import write_study

HOUR = 70e3 / (350e6 * 2 ** (-3600 / 6586.2))
OBLIQUE = np.array([[0.8, -0.36, 0.48], [0.6, 0.48, -0.64], [0.0, 0.8, 0.6]])


def rotation(flips, permutation):
    return OBLIQUE @ np.diag(flips) @ np.eye(3)[list(permutation)]


def grid(directions, spacing, origin):
    lps = np.eye(4)
    lps[:3, :3] = directions * spacing
    lps[:3, 3] = origin
    return lps


def at_world(volume, lps_point):
    """Value of the voxel at a point in LPS millimetres."""
    index = np.linalg.inv(volume.affine) @ [-lps_point[0], -lps_point[1], lps_point[2], 1]
    assert np.allclose(index, np.rint(index), atol=1e-4)
    return volume.array[tuple(np.rint(index[:3]).astype(int))]


@pytest.mark.parametrize("flips", list(product([1, -1], repeat=3)))
@pytest.mark.parametrize("permutation", [(0, 1, 2), (2, 0, 1), (1, 0, 2)])
def test_every_voxel_of_an_oblique_or_flipped_series_lands_where_dicom_says(tmp_path, flips, permutation):
    rng = np.random.default_rng(1)
    ct, pet = rng.integers(0, 3000, (5, 4, 3)), rng.integers(0, 60000, (3, 4, 5))
    turn = rotation(flips, permutation)
    ct_lps = grid(turn, [0.9, 1.3, 2.5], [-40.0, 30.0, 200.0])
    pet_lps = grid(turn, [4.0, 3.0, 5.0], [-35.0, 33.0, 199.0])
    write_series(tmp_path, "CT", ct, ct_lps)
    write_series(tmp_path, "PT", pet, pet_lps)
    pair = read_pet_ct(read_study(tmp_path))
    for index in np.ndindex(ct.shape):
        assert at_world(pair.ct, ct_lps @ [*index, 1]) == ct[index] - 1024
    for index in np.ndindex(pet.shape):
        assert at_world(pair.pet, pet_lps @ [*index, 1]) == pytest.approx(pet[index] * HOUR, rel=1e-6)


def test_a_tilted_gantry_shears_the_grid(tmp_path):
    lps = grid(np.eye(3), [1.0, 1.0, 3.0], [0, 0, 0])
    lps[1, 2] = 0.8  # every slice lies 0.8 mm further back
    values = np.arange(60).reshape(5, 4, 3)
    write_series(tmp_path, "CT", values, lps)
    write_series(tmp_path, "PT", values)
    ct = read_pet_ct(read_study(tmp_path)).ct
    assert at_world(ct, lps @ [4, 3, 2, 1]) == values[4, 3, 2] - 1024


def test_a_mask_written_on_the_ct_comes_back_to_the_same_place(study, tmp_path):
    ct = read_pet_ct(read_study(study)).ct
    write_volume(tmp_path / "ct.nii.gz", ct.array, ct)
    again = read_volume(tmp_path / "ct.nii.gz")
    assert np.array_equal(again.array, ct.array)
    assert np.allclose(again.affine, ct.affine, atol=1e-4)
    assert nibabel.load(tmp_path / "ct.nii.gz").header["sform_code"] > 0


def test_every_slice_has_its_own_rescale_and_decay(tmp_path):
    values = np.full((3, 3, 3), 1000)
    write_series(tmp_path, "CT", values)
    tags = {"RescaleSlope": (1.5, 2.5, 0.5), "AcquisitionTime": ("100000", "100300", "100600")}
    write_series(tmp_path, "PT", values, **tags, DecayCorrection="NONE")
    pair = read_pet_ct(read_study(tmp_path))
    expected = 1000 * np.array([1.5, 2.5, 0.5]) * pair.scale.factors
    assert pair.pet.array[0, 0] == pytest.approx(expected, rel=1e-6)
    assert len(set(pair.scale.factors)) == 3


def test_whole_hounsfield_units_stay_integers_and_others_do_not(tmp_path):
    values = np.array([[[0, 1], [2, 3]]])
    write_series(tmp_path / "PT", "PT", values)
    write_series(tmp_path / "CT", "CT", values, BitsStored=12, HighBit=11)
    assert read_pet_ct(read_study(tmp_path)).ct.array.dtype == np.int16
    write_series(tmp_path / "CT", "CT", values, BitsStored=12, HighBit=11, RescaleSlope=0.5)
    ct = read_pet_ct(read_study(tmp_path)).ct.array
    assert ct.dtype == np.float32
    assert np.array_equal(ct, values * 0.5 - 1024)


@pytest.mark.parametrize("syntax", [RLELossless, DeflatedExplicitVRLittleEndian])
def test_compressed_pixels_are_decoded(tmp_path, syntax):
    values = np.random.default_rng(0).integers(0, 4000, (64, 64, 3))
    write_series(tmp_path, "PT", values)
    for file in write_series(tmp_path, "CT", values):
        one = dcmread(file)
        if syntax.is_encapsulated:
            one.compress(syntax, generate_instance_uid=False)
        else:
            one.file_meta.TransferSyntaxUID = syntax
        one.save_as(file)
    assert np.array_equal(read_pet_ct(read_study(tmp_path)).ct.array, values - 1024)


def test_a_syntax_without_a_decoder_is_named(study):
    for file in (study / "a" / "ct").iterdir():
        one = dcmread(file)
        one.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.100"
        one.PixelData = encapsulate([b"\0" * 8])
        one["PixelData"].is_undefined_length = True
        one.save_as(file, enforce_file_format=False)
    with pytest.raises(DataError, match=r"MPEG2.* no decoder"):
        read_pet_ct(read_study(study))


def truncate(path, size):
    path.write_bytes(path.read_bytes()[:size])


def slices_of(study, modality):
    return next(series for series in read_study(study).series if series.modality == modality).slices


def test_damaged_pixels_at_an_end_are_left_out_and_the_rest_stays_in_place(study):
    whole = read_pet_ct(read_study(study)).ct
    name = slices_of(study, "CT")[0].entry.name
    truncate(study / name, (study / name).stat().st_size - 20)
    pair = read_pet_ct(read_study(study))
    assert name in pair.warnings[0]
    assert np.array_equal(pair.ct.array, whole.array[:, :, 1:])
    assert np.allclose(pair.ct.affine @ [0, 0, 0, 1], whole.affine @ [0, 0, 1, 1])


def test_damaged_pixels_in_the_middle_are_fatal(study):
    name = slices_of(study, "PET")[2].entry.name
    truncate(study / name, (study / name).stat().st_size - 20)
    with pytest.raises(DataError, match=f"{name} for one, which leaves a gap"):
        read_pet_ct(read_study(study))


def test_pixels_are_found_where_the_header_ended_and_where_it_did_not(tmp_path):
    values = np.random.default_rng(0).integers(0, 4000, (64, 64, 3))
    write_series(tmp_path, "CT", values)
    (series,) = read_study(tmp_path).series
    for one in series.slices:
        read = read_pixels(one).pixels
        assert np.array_equal(read_pixels(replace(one, pixels_at=0)).pixels, read)
        assert np.array_equal(read, dcmread(tmp_path / one.entry.name).pixel_array)
        assert "PixelData" not in one.header


def test_slices_larger_than_any_volume_are_refused_before_memory_is_taken(tmp_path):
    study = write_study(tmp_path)
    for file in (study / "ct").iterdir():
        one = dcmread(file)
        one.Rows = one.Columns = 60_000
        one.save_as(file)
    with pytest.raises(DataError, match=r"slices of 60000 x 60000, more than 536870912 voxels"):
        read_pet_ct(read_study(study))
