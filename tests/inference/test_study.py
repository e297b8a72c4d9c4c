import shutil
from concurrent.futures import ThreadPoolExecutor

import nibabel
import numpy as np
import pytest

import cipa
from cipa.errors import DataError, UsageError
from cipa.inference.predictor import Predictor
from cipa.io.dicom.study import read_study
from cipa.io.dicom.volumes import read_pet_ct
from cipa.report.dicom import WRITERS
from enhanced_files import enhance_folder
from studies import BOX, LPS, box_mask, write_dynamic_study, write_study


@pytest.fixture
def study(tmp_path):
    return write_study(tmp_path / "study")


@pytest.fixture
def predictor(network):
    return Predictor(network(), "cpu")


def test_a_study_becomes_a_mask_and_a_measured_lesion_at_its_place_in_the_patient(study, predictor):
    found = predictor.predict(study)
    assert np.array_equal(found.mask, box_mask())
    assert np.array_equal(found.labels, box_mask())
    assert found.probability.dtype == np.float32
    (lesion,) = found.lesions
    assert lesion.volume_ml == pytest.approx(12 * 12 / 1000)
    assert lesion.suv_max == pytest.approx(15, rel=1e-4)
    assert lesion.centroid_mm == pytest.approx((LPS @ [21.5, 6, 3, 1])[:3])
    assert (found.mtv_ml, found.suv_max, found.lesion_count) == (lesion.volume_ml, lesion.suv_max, 1)
    assert np.allclose(found.ct.affine, np.diag([-1, -1, 1, 1]) @ LPS)


def test_facts_say_how_it_was_acquired_and_computed(study, predictor):
    facts = predictor.predict(study, weight_kg=70.0).facts
    assert facts["ct"]["shape"] == [32, 32, 5]
    assert facts["pet"]["spacing_mm"] == [2, 2, 3]
    assert "350 MBq" in facts["suv"]["how"]
    assert facts["given"] == {"weight_kg": 70.0}
    assert (facts["study"], facts["version"], facts["threshold"]) == ("study", cipa.__version__, 0.5)
    assert facts["options"]["suv_max"] == 20.0


def test_a_zip_gives_the_same_mask(study, predictor, tmp_path):
    shutil.make_archive(str(tmp_path / "packed"), "zip", study)
    assert np.array_equal(predictor.predict(tmp_path / "packed.zip").mask, box_mask())


def test_ct_and_pet_of_a_study_may_lie_apart(study, predictor):
    assert np.array_equal(predictor.predict(study / "ct", study / "pet").mask, box_mask())


def test_given_weight_changes_the_suv_that_the_network_sees(study, predictor):
    assert predictor.predict(study, weight_kg=35.0).lesion_count == 0  # SUV 7.5 is below the threshold of 10


@pytest.mark.parametrize("form", ["nibabel", "file", "volume", "array"])
def test_every_form_of_input_gives_the_same_answer(study, predictor, tmp_path, form):
    pair = read_pet_ct(read_study(study))
    given = {"ct": pair.ct, "pet": pair.pet}
    options = {}
    if form == "array":
        given = {kind: volume.array for kind, volume in given.items()}
        options = {"affine": pair.ct.affine, "pet_affine": pair.pet.affine}
    elif form != "volume":
        given = {kind: nibabel.Nifti1Image(one.array, one.affine) for kind, one in given.items()}
    if form == "file":
        for kind, image in given.items():
            nibabel.save(image, tmp_path / f"{kind}.nii.gz")
            given[kind] = tmp_path / f"{kind}.nii.gz"
    found = predictor.predict(given["ct"], given["pet"], **options)
    assert np.array_equal(found.mask, box_mask())
    assert found.lesions[0].centroid_mm == pytest.approx((LPS @ [21.5, 6, 3, 1])[:3], abs=1e-4)


def test_arrays_with_spacing_are_axial_slices_from_the_feet_to_the_head(predictor):
    ct, pet = np.full((5, 32, 32), -500, np.int16), np.zeros((5, 32, 32), np.float32)
    pet[1, 8, 20] = 15
    (lesion,) = predictor.predict(ct, pet, spacing=(3.0, 2.0, 1.0), fit="pad").lesions
    assert lesion.volume_ml == pytest.approx(0.006)
    assert lesion.slices == (1, 1)
    assert lesion.centroid_mm == pytest.approx((20, 16, 3))  # to the left, to the back, to the head


def test_what_weights_call_too_short_is_in_neither_mask_nor_table(predictor, monkeypatch):
    ct, pet = np.full((5, 32, 32), -500, np.int16), np.zeros((5, 32, 32), np.float32)
    pet[1, 8:12, 20:24] = pet[2:5, 20, 4] = 15
    monkeypatch.setattr(predictor, "shortest_mm", 6.0)
    found = predictor.predict(ct, pet, spacing=(3.0, 2.0, 1.0), fit="pad")
    assert [(lesion.number, lesion.slices) for lesion in found.lesions] == [(1, (2, 4))]
    assert (found.mask.sum(), found.labels.max()) == (3, 1)
    assert found.facts["options"]["shortest_mm"] == 6.0


@pytest.mark.parametrize(
    ("ct", "pet", "options", "kind", "words"),
    [
        (
            "array",
            None,
            {"spacing": (1, 1, 1)},
            DataError,
            "volume: CT only, but these weights need CT and PET",
        ),
        ("array", "array", {}, UsageError, "CT as an array: give affine, or spacing"),
        ("array", "small", {"affine": np.eye(4)}, UsageError, "give pet_affine"),
        ("flat", "array", {"affine": np.eye(4)}, DataError, "give one 3-D volume"),
        ("array", "nan", {"affine": np.eye(4)}, DataError, "PET: holds NaN"),
        ("array", "array", {"affine": np.zeros((4, 4))}, DataError, "its affine is no"),
        ("array", "array", {"affine": np.eye(4), "weight_kg": 70}, UsageError, "only for a DICOM study"),
        pytest.param(
            *("list", "array", {"affine": np.eye(4)}, UsageError, "CT of type list"),
            marks=pytest.mark.mistyped,
        ),
    ],
)
def test_input_that_does_not_do_is_named(predictor, ct, pet, options, kind, words):
    forms = {
        "array": np.zeros((4, 4, 4)),
        "small": np.zeros((2, 2, 2)),
        "flat": np.zeros((4, 4)),
        "nan": np.full((4, 4, 4), np.nan),
        "list": [1],
        None: None,
    }
    with pytest.raises(kind, match=words):
        predictor.predict(forms[ct], forms[pet], **options)


def test_a_damaged_file_is_among_the_warnings_and_does_not_name_the_patient(tmp_path, predictor):
    study = write_study(tmp_path / "Name" / "study", PatientName="Name^Secret")
    (study / "secret.dcm").write_bytes(b"?")
    found = predictor.predict(tmp_path / "Name")
    assert any("***.dcm cannot be read and is left out" in line for line in found.warnings)
    assert found.facts["study"].startswith("study-")
    assert "secret" not in found.to_json().lower()


def test_a_study_of_another_body_part_is_warned_about(tmp_path, predictor):
    head = predictor.predict(write_study(tmp_path / "a", BodyPartExamined="HEAD"))
    assert any("Body Part Examined (0018,0015) is HEAD, not the chest" in line for line in head.warnings)
    chest = predictor.predict(write_study(tmp_path / "b", BodyPartExamined="WHOLEBODY"))
    assert not any("chest" in line for line in chest.warnings)


def test_threads_share_one_predictor_over_studies(tmp_path, predictor):
    places = [(slice(4 + n, 7 + n), slice(9, 12), slice(n % 5, n % 5 + 1)) for n in range(8)]
    studies = [write_study(tmp_path / str(n), box=box) for n, box in enumerate(places)]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(predictor.predict, studies))
    for box, answer in zip(places, answers, strict=True):
        assert np.array_equal(answer.mask, box_mask(box))
        assert answer.lesion_count == 1


def test_a_printed_result_is_short_and_names_nobody(study, predictor):
    text = repr(predictor.predict(study))
    assert text == "Prediction('study', 32 x 32 x 5 voxels, 1 lesion, MTV 0.14 mL)"


def test_nothing_found_is_an_answer(study, network):
    found = Predictor(network(suv_max=1000.0), "cpu").predict(study)
    assert (found.lesion_count, found.mtv_ml, found.suv_max, found.table()) == (0, 0, None, [])
    assert found.mask[BOX].sum() == 0


def test_bundled_weights_that_are_absent_are_one_clear_line(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "cipa.models.bundled", None)
    with pytest.raises(DataError, match="no weights come with this installation; give weights"):
        cipa.Predictor()


def test_an_enhanced_study_is_segmented_as_the_classic_one_with_its_objects_and_report(
    study, predictor, tmp_path
):
    for kind in ("ct", "pet"):
        enhance_folder(study / kind, tmp_path / "enhanced" / f"{kind}.dcm")
    expected, found = predictor.predict(study), predictor.predict(tmp_path / "enhanced")
    assert np.array_equal(found.mask, expected.mask)
    instances = {"first_ct_instance": 4, "last_ct_instance": 4}  # an enhanced file's are its frames
    assert found.table() == [row | instances for row in expected.table()]
    pictures = (WRITERS["sc"], WRITERS["pdf"])
    found.save(tmp_path / "out", pictures, objects=("seg", "sr", "rtstruct"))
    assert {path.name for path in (tmp_path / "out").glob("*.dcm")} == {
        *("segmentation.dcm", "measurements.dcm", "contours.dcm", "report.dcm"),
    }
    assert [line for line in found.warnings if "not written" in line or "cannot be written" in line] == []


def test_a_dynamic_study_is_segmented_by_the_frame_or_the_mean_that_is_named(study, predictor):
    dynamic = write_dynamic_study(study.parent / "dynamic", (5, 18, 14))
    with pytest.raises(
        DataError, match=r"3 time frames \(1-3 from 0:00 for 600 s each\); choose with --frame N"
    ):
        predictor.predict(dynamic)
    assert predictor.predict(dynamic, frame=1).lesion_count == 0  # SUV 5 is below the threshold of 10
    assert predictor.predict(dynamic, frame=2).suv_max == pytest.approx(18, rel=1e-4)
    mean = predictor.predict(dynamic, sum_frames=(2, 3))
    assert mean.suv_max == pytest.approx(16, rel=1e-4)
    assert mean.facts["given"] == {"sum_frames": [2, 3]}
    assert [one["number"] for one in mean.facts["pet"]["frames"]["used"]] == [2, 3]
    assert any("the mean of 2 of 3 time frames is used" in line for line in mean.warnings)
    with pytest.raises(UsageError, match="give one of them"):
        predictor.predict(dynamic, frame=2, sum_frames=(1, 2))
