import shutil
import zipfile

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.uid import RLELossless

from cipa.errors import DataError
from cipa.io.dicom.study import read_study
from cipa.io.dicom.summary import summarise
from cipa.io.dicom.volumes import read_pet_ct
from dicom_files import write_series
from enhanced_files import enhance, enhance_folder, item, save_enhanced, stored

LPS = np.array([[0.6, 0.0, -1.6, -40], [0.0, 0.9, 0.0, 30], [0.8, 0.0, 1.2, 200], [0, 0, 0, 1]])
SLOPES = tuple(f"{slope:.7g}" for slope in np.random.default_rng(3).uniform(0.1, 3, 6))


@pytest.fixture
def classic(tmp_path):
    """An oblique CT and a PET with a rescale slope a slice."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "classic"
    write_series(folder / "ct", "CT", stored(rng, (8, 6, 5), 2000), LPS)
    write_series(folder / "pet", "PT", stored(rng, (5, 4, 6), 30000), LPS, RescaleSlope=SLOPES)
    return folder


@pytest.fixture
def enhanced(classic):
    folder = classic.parent / "enhanced"
    for kind in ("ct", "pet"):
        enhance_folder(classic / kind, folder / f"{kind}.dcm")
    return folder


def assert_same(one, other):
    """Voxels, places, SUV factors and times are equal to the bit."""
    for kind in ("ct", "pet"):
        mine, its = getattr(one, kind), getattr(other, kind)
        assert mine.array.dtype == its.array.dtype
        assert np.array_equal(mine.array, its.array)
        assert np.array_equal(mine.affine, its.affine)
    assert np.array_equal(one.scale.factors, other.scale.factors)
    assert one.scale.uptake_minutes == other.scale.uptake_minutes


def refusal(folder):
    with pytest.raises(DataError) as error:
        read_pet_ct(read_study(folder))
    return str(error.value)


def test_true_enhanced_ct_and_pet_are_the_classic_study_to_the_bit(classic, enhanced):
    found = read_pet_ct(read_study(enhanced))
    assert_same(read_pet_ct(read_study(classic)), found)
    assert len({one.header.RescaleSlope for one in found.pet_slices}) == 6
    assert found.scale.how.endswith(
        "decay corrected to 2024-05-02 10:00:00 (Decay Correction DateTime (0018,9701))"
    )


def test_legacy_converted_ct_and_pet_are_the_classic_study_to_the_bit(classic, tmp_path):
    from highdicom import UID
    from highdicom.legacy import LegacyConvertedEnhancedCTImage, LegacyConvertedEnhancedPETImage

    for number, (kind, made) in enumerate(
        [("ct", LegacyConvertedEnhancedCTImage), ("pet", LegacyConvertedEnhancedPETImage)]
    ):
        slices = [dcmread(file) for file in sorted((classic / kind).iterdir())]
        for index, one in enumerate(slices, start=1):
            one.InstanceNumber, one.ImageType = index, ["ORIGINAL", "PRIMARY"]
            one.PatientID = one.PatientBirthDate = one.PatientSex = one.StudyDate = one.StudyTime = ""
            one.StudyID = one.AccessionNumber = one.ReferringPhysicianName = one.Manufacturer = ""
            one.PositionReferenceIndicator = one.Laterality = ""
        converted = made(slices, UID(), number + 1, UID(), 1)
        save_enhanced(converted, tmp_path / "legacy" / f"{kind}.dcm")
    assert_same(read_pet_ct(read_study(classic)), read_pet_ct(read_study(tmp_path / "legacy")))


def test_compressed_frames_are_the_same(classic, enhanced):
    for kind in ("ct", "pet"):
        save_enhanced(enhance(sorted((classic / kind).iterdir())), enhanced / f"{kind}.dcm", RLELossless)
    assert_same(read_pet_ct(read_study(classic)), read_pet_ct(read_study(enhanced)))


def test_frames_of_a_zip_are_the_same(classic, enhanced, tmp_path):
    with zipfile.ZipFile(tmp_path / "study.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for file in enhanced.iterdir():
            archive.write(file, file.name)
    assert_same(read_pet_ct(read_study(classic)), read_pet_ct(read_study(tmp_path / "study.zip")))


def test_a_series_of_several_enhanced_files_is_one_volume(classic, enhanced):
    files = sorted((classic / "ct").iterdir())
    for index, part in enumerate((files[:2], files[2:])):
        save_enhanced(enhance(part), enhanced / f"ct{index}.dcm")
    (enhanced / "ct.dcm").unlink()
    assert_same(read_pet_ct(read_study(classic)), read_pet_ct(read_study(enhanced)))


def test_a_file_that_is_there_twice_is_read_once(classic, enhanced):
    shutil.copy(enhanced / "pet.dcm", enhanced / "again.dcm")
    found = read_pet_ct(read_study(enhanced))
    assert_same(read_pet_ct(read_study(classic)), found)
    assert "copies of other files left out: 6" in str(summarise(enhanced)["notes"])


def test_pet_without_decay_correction_has_a_factor_a_slice(classic, enhanced):
    for index, file in enumerate(sorted((classic / "pet").iterdir())):
        one = dcmread(file)
        one.DecayCorrection, one.CorrectedImage = "NONE", ["ATTN"]
        one.AcquisitionTime, one.ActualFrameDuration = f"1000{index:02d}", 150_000
        one.save_as(file)
    enhance_folder(classic / "pet", enhanced / "pet.dcm")
    expected = read_pet_ct(read_study(classic))
    found = read_pet_ct(read_study(enhanced))
    assert len(set(found.scale.factors)) == 6
    assert np.array_equal(expected.scale.factors, found.scale.factors)


def change(path, spoil):
    found = dcmread(path)
    spoil(found)
    found.save_as(path)


def drop_group(keyword, frame=None):
    def spoil(found):
        groups = (
            found.SharedFunctionalGroupsSequence if frame is None else found.PerFrameFunctionalGroupsSequence
        )
        delattr(groups[frame or 0], keyword)

    return spoil


def set_tag(keyword, value):
    return lambda found: setattr(found, keyword, value)


def map_apart(found):
    for groups in found.PerFrameFunctionalGroupsSequence:
        groups.RealWorldValueMappingSequence = [groups.RealWorldValueMappingSequence[1]] * 2


def other_unit(found):
    for groups in found.PerFrameFunctionalGroupsSequence:
        for mapping in groups.RealWorldValueMappingSequence:
            mapping.MeasurementUnitsCodeSequence = [item(CodeValue="{propcounts}/s")]


@pytest.mark.parametrize(
    ("spoil", "line"),
    [
        (
            lambda found: found.PerFrameFunctionalGroupsSequence.pop(),
            "(0028,0008) is 6, but Per-Frame Functional",
        ),
        (set_tag("NumberOfFrames", 0), "Number of Frames (0028,0008) is missing or malformed"),
        (lambda found: delattr(found, "PerFrameFunctionalGroupsSequence"), "(5200,9230) is missing"),
        (lambda found: delattr(found, "SharedFunctionalGroupsSequence"), "frame 1 lacks Plane Orientation"),
        (drop_group("PlanePositionSequence", 3), "frame 4 lacks Plane Position Sequence (0020,9113)"),
        (drop_group("PixelMeasuresSequence"), "frame 1 lacks Pixel Measures Sequence (0028,9110)"),
        (drop_group("RealWorldValueMappingSequence", 5), "frame 6 lacks Pixel Value Transformation"),
        (lambda found: found.DimensionIndexSequence.append(item()), "frame 1 has 1 Dimension Index Values"),
        (set_tag("DecayCorrected", "MAYBE"), "Decay Corrected (0018,9758) is neither YES nor NO"),
        (lambda found: delattr(found, "DecayCorrected"), "Decay Corrected (0018,9758) is missing"),
        (lambda found: delattr(found, "DecayCorrectionDateTime"), "DateTime (0018,9701) is missing"),
        (set_tag("AttenuationCorrected", "NO"), "not attenuation corrected"),
        (map_apart, "maps ranges of values apart to bq/ml"),
        (other_unit, "Real World Value Mapping Sequence (0040,9096) has no unit that is known"),
        (set_tag("PixelData", b"\0" * 100), "pixels of 6 slices cannot be decoded"),
    ],
)
def test_a_malformed_file_is_one_line_that_names_what_is_wrong(enhanced, spoil, line):
    change(enhanced / "pet.dcm", spoil)
    said = refusal(enhanced)
    assert line in said
    assert "\n" not in said
    assert "Secret" not in said


def test_instance_number_of_a_frame_is_its_number_in_the_file(enhanced):
    found = read_pet_ct(read_study(enhanced))
    assert [one.header.InstanceNumber for one in found.ct_slices] == [one.frame for one in found.ct_slices]
    assert sorted(one.frame for one in found.ct_slices) == [1, 2, 3, 4, 5]


def test_values_in_suv_alone_are_taken_as_suv(enhanced):
    def keep_suv(found):
        for groups in found.PerFrameFunctionalGroupsSequence:
            del groups.RealWorldValueMappingSequence[1]

    raw = read_pet_ct(read_study(enhanced)).pet.array
    change(enhanced / "pet.dcm", keep_suv)
    found = read_pet_ct(read_study(enhanced))
    assert found.scale.how == "Units GML: values are SUV by body weight already"
    assert found.pet.array.max() > raw.max()
    assert np.array_equal(found.pet.array % 7, np.zeros_like(raw))


def test_damage_anywhere_in_the_header_is_one_line_or_harmless(enhanced):
    path, rng = enhanced / "pet.dcm", np.random.default_rng(0)
    whole = path.read_bytes()
    end, said = whole.rindex(b"\xe0\x7f\x10\x00"), []
    for _ in range(120):
        damaged = bytearray(whole)
        for place in rng.integers(400, end, 4):
            damaged[place] = rng.integers(256)
        path.write_bytes(damaged)
        try:
            read_pet_ct(read_study(enhanced))
        except DataError as error:
            said.append(str(error))
    assert said
    assert not any("\n" in line for line in said)
