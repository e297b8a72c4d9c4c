from datetime import datetime, timedelta

import numpy as np
import pytest
from pydicom import dcmread

from cipa.errors import DataError, UsageError
from cipa.io.dicom.study import read_study
from cipa.io.dicom.summary import summarise
from cipa.io.dicom.volumes import read_pet_ct
from dicom_files import write_series
from enhanced_files import enhance, save_enhanced, stored

BEGAN = datetime(2024, 5, 2, 10)
DURATIONS = (10, 10, 40, 60)
SHAPE = (5, 4, 3)
LISTED = "4 time frames (1-2 from 0:00 for 10 s each, 3 from 0:20 for 40 s, 4 from 1:00 for 60 s)"


def values_of(frame):
    return stored(np.random.default_rng(frame), SHAPE, 30000)


def write_dynamic(folder, durations=DURATIONS, **tags):
    """A CT, and a PET of several time frames in one series; the PET's folders, one a frame."""
    write_series(folder / "ct", "CT", values_of(9))
    began, folders = BEGAN, []
    for frame, seconds in enumerate(durations):
        own = {
            "AcquisitionTime": f"{began:%H%M%S}",
            "ActualFrameDuration": 1000 * seconds,
            "SeriesType": ["DYNAMIC", "IMAGE"],
            "RescaleSlope": 1 + frame / 4,
        } | tags
        folders.append(folder / "pet" / str(frame))
        write_series(folders[-1], "PT", values_of(frame), **own)
        began += timedelta(seconds=seconds)
    return folders


def write_static(folder, frame, **tags):
    """The same CT with one frame as the whole PET."""
    write_series(folder / "ct", "CT", values_of(9))
    write_series(folder / "pet", "PT", values_of(frame), **({"RescaleSlope": 1 + frame / 4} | tags))
    return read_pet_ct(read_study(folder))


@pytest.fixture
def dynamic(tmp_path):
    write_dynamic(tmp_path / "dynamic")
    return tmp_path / "dynamic"


def refusal(folder, **options):
    with pytest.raises(DataError) as error:
        read_pet_ct(read_study(folder), **options)
    return str(error.value)


def test_without_a_choice_one_line_names_the_frames_with_their_times(dynamic):
    assert refusal(dynamic).endswith(f"PET series 80 'PT': {LISTED}; choose with --frame N or --sum A-B")


def test_info_lists_the_frames(dynamic):
    (_, pet) = summarise(dynamic)["series"]
    assert [row["start_s"] for row in pet["frames"]] == [0, 10, 20, 60]
    assert [row["seconds"] for row in pet["frames"]] == list(DURATIONS)
    assert pet["shape"] == [5, 4, 3]
    assert LISTED in pet["problems"][0]
    assert summarise(dynamic, frame=2)["series"][1]["problems"] == []


def test_each_frame_is_the_image_that_it_would_be_alone(dynamic, tmp_path):
    for frame in range(4):
        alone = write_static(tmp_path / f"alone{frame}", frame)
        found = read_pet_ct(read_study(dynamic), frame=frame + 1)
        assert np.array_equal(found.pet.array, alone.pet.array)
        assert np.array_equal(found.pet.affine, alone.pet.affine)
        assert any("one of 4 time frames is used" in line for line in found.warnings)


def test_uptake_runs_to_the_frame_that_is_read(dynamic):
    found = read_pet_ct(read_study(dynamic), frame=4)
    assert found.scale.uptake_minutes == pytest.approx(61)
    assert found.frames["pet"]["frames"]["used"][0]["start_s"] == 60
    assert found.frames["ct"] == {}


def test_a_sum_is_the_mean_weighted_by_duration(dynamic):
    frames = [read_pet_ct(read_study(dynamic), frame=number).pet.array for number in (2, 3, 4)]
    expected = np.average(np.array(frames, np.float64), axis=0, weights=DURATIONS[1:]).astype(np.float32)
    found = read_pet_ct(read_study(dynamic), sum_frames=(2, 4))
    assert np.array_equal(found.pet.array, expected)
    assert "the mean of 3 of 4 time frames is used, weighted by duration" in "\n".join(found.warnings)
    assert len(found.pet_slices) == 9


def test_activity_not_corrected_for_decay_is_corrected_frame_by_frame(tmp_path):
    write_dynamic(tmp_path, durations=(1200, 1200), DecayCorrection="NONE", CorrectedImage=["ATTN"])
    found = read_pet_ct(read_study(tmp_path), sum_frames=(1, 2)).scale.factors
    assert found[3:] / found[:3] == pytest.approx(2 ** (1200 / 6586.2))


def test_decay_is_computed_from_the_start_of_the_series_whichever_frame_is_read(tmp_path):
    late = {"SeriesTime": "110000"}  # rewritten: the first of all frames stands in
    write_dynamic(tmp_path, **late)
    factors = [read_pet_ct(read_study(tmp_path), frame=number).scale.factors[0] for number in (1, 4)]
    assert factors[0] == factors[1]


def test_an_injection_during_the_scan_is_before_the_frame_that_is_read(dynamic):
    for file in (dynamic / "pet").rglob("*.dcm"):
        one = dcmread(file)
        one.RadiopharmaceuticalInformationSequence[0].RadiopharmaceuticalStartTime = "100015"
        one.save_as(file)
    found = read_pet_ct(read_study(dynamic), frame=4)
    assert found.scale.factors[0] == pytest.approx(70e3 / (350e6 * 2 ** (15 / 6586.2)))
    assert "Radiopharmaceutical Start Time" in refusal(dynamic, frame=1)


def test_a_gated_series_is_chosen_by_its_delays(tmp_path):
    write_series(tmp_path / "ct", "CT", values_of(9))
    for gate, delay in enumerate((400, 0, 200)):
        write_series(
            tmp_path / str(gate), "PT", values_of(gate), TriggerTime=delay, SeriesType=["GATED", "IMAGE"]
        )
    shown = ", ".join(
        f"{number} at {delay} ms after the trigger" for number, delay in ((1, 0), (2, 200), (3, 400))
    )
    assert f"3 time frames ({shown})" in refusal(tmp_path)
    raw = read_pet_ct(read_study(tmp_path), frame=2)
    assert np.array_equal(raw.pet.array, write_static(tmp_path / "x", 2, RescaleSlope=1).pet.array)


def test_gated_ct_and_static_pet_take_the_phase_of_the_ct(tmp_path):
    for phase in range(2):
        write_series(
            tmp_path / f"ct{phase}", "CT", values_of(phase), NominalPercentageOfRespiratoryPhase=50.0 * phase
        )
    write_series(tmp_path / "pet", "PT", values_of(5))
    assert "CT series 67 'CT': 2 time frames (1 at 0 % of the cycle, 2 at 50 % of the cycle)" in refusal(
        tmp_path
    )
    found = read_pet_ct(read_study(tmp_path), frame=2)
    assert np.array_equal(found.ct.array, values_of(1).astype(int) - 1024)
    mean = read_pet_ct(read_study(tmp_path), sum_frames=(1, 2)).ct.array
    assert mean == pytest.approx((values_of(0).astype(float) + values_of(1)) / 2 - 1024)


def test_an_enhanced_dynamic_pet_is_read_as_the_classic_one(dynamic, tmp_path):
    files = [sorted(folder.iterdir()) for folder in sorted((dynamic / "pet").iterdir())]
    order = [(frame, place) for place in range(3) for frame in range(4)]  # frame by frame within a position
    together = enhance([files[frame][place] for frame, place in order], [frame + 1 for frame, _ in order])
    save_enhanced(together, tmp_path / "enhanced" / "pet.dcm")
    write_series(tmp_path / "enhanced" / "ct", "CT", values_of(9))
    assert LISTED in refusal(tmp_path / "enhanced")
    for options in ({"frame": 3}, {"sum_frames": (1, 4)}):
        one, other = (
            read_pet_ct(read_study(folder), **options) for folder in (dynamic, tmp_path / "enhanced")
        )
        assert np.array_equal(one.pet.array, other.pet.array)
        assert np.array_equal(one.scale.factors, other.scale.factors)


def test_a_static_series_is_taken_unless_frames_are_named(dynamic):
    write_series(dynamic / "static", "PT", values_of(7), SeriesInstanceUID="1.2.9", SeriesNumber=9)
    assert read_pet_ct(read_study(dynamic)).pet_series.number == "9"
    assert read_pet_ct(read_study(dynamic), frame=1).pet_series.number == "80"


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"frame": 5}, "PET series 80 'PT': no frame 5 (--frame 5), 4 time frames (1-2 from 0:00"),
        ({"sum_frames": (3, 9)}, "no frame 9 (--sum 3-9), 4 time frames"),
    ],
)
def test_a_frame_that_is_not_there_is_one_line(dynamic, options, line):
    assert line in refusal(dynamic, **options)


def test_naming_a_frame_of_a_static_study_is_one_line(study):
    assert "--frame 1: neither CT series 67 'CT' nor PET series 80 'PT' has several" in refusal(
        study, frame=1
    )


@pytest.mark.parametrize(
    "options", [{"frame": 1, "sum_frames": (1, 2)}, {"frame": 0}, {"sum_frames": (3, 2)}]
)
def test_frames_that_cannot_be_are_refused(dynamic, options):
    with pytest.raises(UsageError):
        read_pet_ct(read_study(dynamic), **options)


def test_a_frame_that_lacks_a_slice_is_named(dynamic):
    next(iter((dynamic / "pet" / "2").iterdir())).unlink()
    assert "positions have unlike numbers of time frames (4 at 2, 3 at 1 of 3)" in refusal(dynamic, frame=1)


def test_a_mean_needs_durations(tmp_path):
    write_dynamic(tmp_path, ActualFrameDuration=None)
    assert "Actual Frame Duration (0018,1242) is missing" in refusal(tmp_path, sum_frames=(1, 2))
    read_pet_ct(read_study(tmp_path), frame=2)


def test_gaps_between_frames_are_said(dynamic):
    for file in (dynamic / "pet" / "1").iterdir():
        one = dcmread(file)
        one.ActualFrameDuration = 5000
        one.save_as(file)
    assert "1 gaps in time lie between" in str(read_pet_ct(read_study(dynamic), sum_frames=(1, 4)).warnings)


def test_two_reconstructions_under_one_series_are_no_frames(tmp_path):
    write_series(tmp_path / "ct", "CT", values_of(9))
    for number in range(2):
        write_series(tmp_path / str(number), "PT", values_of(number))
    assert "3 of 6 slices lie where another does" in refusal(tmp_path, frame=1)
