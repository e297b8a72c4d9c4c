import re
import zipfile

import numpy as np
import pytest
from pydicom import dcmread

from cipa.errors import DataError
from cipa.io.dicom.study import HEAD, choose_pair, read_study
from dicom_files import save, write_series

VALUES = np.arange(4 * 4 * 5).reshape(4, 4, 5)


def pair(path, **wanted):
    return choose_pair(read_study(path), **wanted)


def refusal(path, **wanted):
    with pytest.raises(DataError) as error:
        pair(path, **wanted)
    line = str(error.value)
    assert line.startswith(re.sub("(?i)name", "***", str(path)))
    assert "\n" not in line
    assert "Secret" not in line
    return line


def retag(folder, **tags):
    for file in sorted(folder.rglob("*.dcm")):
        one = dcmread(file)
        for name, value in tags.items():
            setattr(one, name, value)
        save(one, file)


def test_ct_and_pet_are_found_in_any_nesting(study):
    ct, pet = pair(study)
    assert (ct.shape, pet.shape) == ((8, 6, 6), (5, 4, 5))


def test_slices_are_sorted_by_place_and_not_by_name(tmp_path):
    names = ["z.dcm", "a.dcm", "m", "b.dcm", "y.IMA"]
    write_series(tmp_path, "CT", VALUES, names=names)
    assert [one.entry.name for one in read_study(tmp_path).series[0].slices] == names


def test_the_same_file_twice_is_left_out_with_a_note(study):
    file = next((study / "b").iterdir())
    (study / "copy.dcm").write_bytes(file.read_bytes())
    assert pair(study)[1].warnings == ("copies of other files left out: 1",)


def test_a_header_longer_than_what_is_read_at_once_is_read_whole(study):
    def longer(file, size):
        whole = dcmread(file)
        whole.add_new(0x00090010, "LO", "MAKER")
        whole.add_new(0x00091001, "OB", bytes(size))  # before most of what a slice needs
        whole.save_as(file)

    for file in (study / "a" / "ct").iterdir():
        longer(file, 2 * HEAD)
    for file, size in zip((study / "b").iterdir(), range(HEAD - 600, HEAD, 100), strict=False):
        longer(file, size)
    ct, pet = pair(study)
    assert (ct.shape, pet.shape) == ((8, 6, 6), (5, 4, 5))
    assert read_study(study).damaged == ()


def test_a_damaged_file_is_named(study):
    (study / "a" / "broken.dcm").write_bytes(b"\0" * 128 + b"DICM" + b"\xff" * 40)
    (study / "empty.dcm").write_bytes(b"")
    found = read_study(study)
    assert found.damaged == ("a/broken.dcm", "empty.dcm")
    assert choose_pair(found)


def test_a_slice_with_a_damaged_header_is_left_out_by_name_if_no_gap_is_left(tmp_path):
    files = write_series(tmp_path, "CT", VALUES)
    write_series(tmp_path, "PT", VALUES)
    last, middle = dcmread(files[-1]), dcmread(files[2])
    for one, file in ((last, files[-1]), (middle, files[2])):
        del one.RescaleSlope
        save(one, file)
        if one is last:
            assert pair(tmp_path)[0].warnings[0].startswith(f"{file.name} is left out: Rescale Slope")
            assert pair(tmp_path)[0].shape == (4, 4, 4)
    assert "slices are missing" in refusal(tmp_path)


def test_the_libraries_are_silent_about_values_that_break_the_standard(study, capsys, recwarn):
    for number, file in enumerate(sorted(study.rglob("*.dcm"))):
        content = file.read_bytes()
        old = dcmread(file).SOPInstanceUID.encode()
        file.write_bytes(content.replace(old, b"Secret^Name%02d" % number + b"x" * (len(old) - 13)))
    assert pair(study)
    assert not [warning for warning in recwarn if "Secret" in str(warning.message)]
    assert capsys.readouterr().err == ""


def test_a_localizer_beside_the_ct_is_no_candidate(study):
    write_series(study / "scout", "CT", VALUES[:, :, :1], ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    assert pair(study)[0].shape == (8, 6, 6)


@pytest.mark.parametrize(("modality", "folder"), [("CT", "a"), ("PET", "b")])
def test_a_study_without_one_of_the_two_is_refused(study, modality, folder):
    for file in (study / folder).rglob("*.dcm"):
        file.unlink()
    assert f"no {modality} series" in refusal(study)


def test_a_gap_is_named_with_its_place(tmp_path):
    write_series(tmp_path, "PT", VALUES)
    files = write_series(tmp_path, "CT", VALUES)
    files[2].unlink()
    line = refusal(tmp_path)
    assert "slices are missing (about 1), the first between 3.00 and 9.00 mm" in line
    assert "CT series 67 'CT'" in line


def place_at(heights):
    return {"ImagePositionPatient": tuple([0.0, 0.0, height] for height in heights)}


@pytest.mark.parametrize(
    ("heights", "line"),
    [
        ((0, 3, 6.5, 9, 12), "uneven spacing: a slice is 0.50 mm off"),
        ((0, 3, 3, 6, 9), "1 of 5 slices lie where another does"),
        ((0, 3, 6, 9, 21), "slices are missing (about 3)"),
    ],
)
def test_slices_that_make_no_even_grid_are_refused(tmp_path, heights, line):
    write_series(tmp_path, "CT", VALUES)
    write_series(tmp_path, "PT", VALUES, **place_at(heights))
    assert line in refusal(tmp_path)


def test_rounded_positions_are_even_enough(tmp_path):
    write_series(tmp_path, "CT", VALUES)
    write_series(tmp_path, "PT", VALUES, **place_at((0, 3.27, 6.53, 9.81, 13.08)))
    assert pair(tmp_path)[1].affine[2, 2] == pytest.approx(3.27)


@pytest.mark.parametrize(
    ("tags", "line"),
    [
        ({"CorrectedImage": ["DECY"]}, "not attenuation corrected"),
        ({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.130"}, "enhanced multi-frame PET"),
        ({"NumberOfFrames": 5}, "multi-frame PET that is not enhanced PET"),
        ({"FrameOfReferenceUID": "9.9"}, "no CT and PET in one frame of reference"),
        ({"StudyInstanceUID": "9.9"}, "of one study"),
        ({"SamplesPerPixel": 3}, "no grey image"),
        ({"RescaleSlope": None}, r"Rescale Slope \(0028,1053\)".replace("\\", "")),
        ({"ImagePositionPatient": None}, "(0020,0032)"),
        ({"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]}, "(0020,0032), orientation"),
    ],
)
def test_pet_that_cannot_be_used_is_refused_by_name(tmp_path, tags, line):
    write_series(tmp_path / "ct", "CT", VALUES)
    write_series(tmp_path / "pet", "PT", VALUES, **tags)
    assert line in refusal(tmp_path)


def test_no_frame_of_reference_at_all_is_not_a_common_one(study):
    retag(study, FrameOfReferenceUID="")
    assert "no CT and PET in one frame of reference" in refusal(study)


def test_a_slice_tilted_by_two_degrees_is_not_part_of_the_stack(tmp_path):
    files = write_series(tmp_path, "CT", VALUES)
    write_series(tmp_path, "PT", VALUES)
    tilted = dcmread(files[2])
    tilted.ImageOrientationPatient = [1, 0, 0, 0, 0.999391, 0.034899]
    save(tilted, files[2])
    assert "slices are missing (about 1)" in refusal(tmp_path)


def test_several_candidates_are_named_and_one_can_be_chosen(study):
    write_series(study / "second", "CT", VALUES, SeriesInstanceUID="1.2.9", SeriesNumber=9)
    line = refusal(study)
    assert "2 candidates (CT series 9 'CT', CT series 67 'CT')" in line
    assert "--ct-series NUMBER" in line
    assert pair(study, ct="9")[0].shape == (4, 4, 5)
    assert pair(study, ct="1.2.9")[0].shape == (4, 4, 5)
    assert "no CT series 4;" in refusal(study, ct="4")


def test_several_pet_series_ask_for_pet_series(study):
    write_series(study / "second", "PT", VALUES, SeriesInstanceUID="1.2.9", SeriesNumber=9)
    assert "--pet-series NUMBER" in refusal(study)


def test_uncorrected_pet_beside_the_corrected_one_is_no_candidate(study):
    write_series(study / "nac", "PT", VALUES, SeriesInstanceUID="1.2.9", CorrectedImage=["DECY"])
    assert pair(study)[1].shape == (5, 4, 5)


def test_two_studies_in_one_folder_are_refused(study):
    for modality in ("CT", "PT"):
        tags = {
            "SeriesInstanceUID": f"5.{ord(modality[0])}",
            "StudyInstanceUID": "5",
            "FrameOfReferenceUID": "6",
        }
        write_series(study / "other", modality, VALUES, **tags)
    assert "2 studies in one place" in refusal(study)


def test_a_folder_without_dicom_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    assert "no DICOM files among 1" in refusal(tmp_path)


def test_a_zip_is_read_like_its_folder(study, tmp_path):
    with zipfile.ZipFile(tmp_path / "study.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for file in study.rglob("*"):
            archive.write(file, file.relative_to(study))
    assert [one.shape for one in pair(tmp_path / "study.zip")] == [(8, 6, 6), (5, 4, 5)]
