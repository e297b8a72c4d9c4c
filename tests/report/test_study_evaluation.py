"""The folder that an evaluation of whole studies leaves."""

import csv
import json

import nibabel
import numpy as np
import pytest
from pydicom import dcmread
from scipy import ndimage

from cipa.errors import DataError, UsageError
from cipa.evaluation.cases import find_cases, find_masks_of
from cipa.evaluation.read_mask import MaskReading
from cipa.inference.locations import read_location
from cipa.inference.options import VolumeOptions
from cipa.inference.slices import SlicePredictor
from cipa.io.dicom.objects.lesion import Algorithm, LesionObject
from cipa.io.dicom.objects.rtstruct import write_rtstruct
from cipa.io.dicom.seg import write_seg
from cipa.io.dicom.study import read_study
from cipa.io.dicom.volumes import read_pet_ct
from cipa.report.evaluation import is_evaluation
from cipa.report.study_evaluation import Reading, evaluate_studies, file_segmenter, network_segmenter
from small_networks import BrightPet
from studies import box_mask as hot_box
from studies import write_study
from study_truth import BOX, SHAPE, box_mask, write_case, write_nifti

BY = Algorithm("hand", "1", "MANUAL")
SHIFTED = (slice(7, 13), *BOX[1:])
FAR = (slice(16, 18), slice(5, 7), slice(2, 4))


def rows_of(folder):
    with (folder / "per_patient_3d.csv").open(newline="") as file:
        return {row["patient"]: row for row in csv.DictReader(file)}


@pytest.fixture
def root(tmp_path):
    """Studies A_1 and b with a tumour, c without."""
    for name, truth in (("A_1", BOX), ("b", BOX), ("c", None)):
        write_case(tmp_path / "s" / name, truth)
    return tmp_path / "s"


@pytest.fixture
def masks(tmp_path, root):
    """One half a voxel row off, one empty, one that marks where nothing is."""
    for name, box in (("A_1", SHIFTED), ("b", None), ("c", FAR)):
        write_nifti(tmp_path / "m" / f"{name}.nii.gz", box_mask(box))
    return find_masks_of(find_cases(root)[0], tmp_path / "m")


def test_masks_of_another_tool_are_scored_in_3d_and_written(root, masks, tmp_path):
    cases, _ = find_cases(root)
    seen, out = [], tmp_path / "out"
    result = evaluate_studies(
        [(cases, file_segmenter(masks))], out, about={"masks": "m"}, on_study=seen.append
    )
    assert [study.case.patient for study in seen] == ["A1", "b", "c"]
    assert result.failed == {}
    rows = rows_of(out)
    assert float(rows["A1"]["dice"]) == pytest.approx(5 / 6, abs=1e-5)
    assert [rows[name]["case"] for name in ("A1", "b", "c")] == ["scored", "missed", "unfounded"]
    assert [rows["A1"][f"spacing_{axis}_mm"] for axis in "zyx"] == ["3", "2", "2"]
    assert (rows["A1"]["slices"], rows["A1"]["slices_without_tumour"]) == ("6", "3")
    assert float(rows["c"]["fp_ml_without_tumour"]) == pytest.approx(8 * 0.012)
    assert float(rows["c"]["marks_without_tumour"]) == 1
    assert rows["b"]["fp_ml_without_tumour"] == ""
    summary = json.loads((out / "summary.json").read_text())
    assert summary["patient_3d"]["metrics"]["fp_ml_without_tumour"]["mean"] == pytest.approx(8 * 0.012)
    assert (summary["slices"], summary["masks"]) == (3 * SHAPE[2], "m")
    assert summary["studies"]["A1"]["study"] == "A_1"
    assert "an empty mask, taken as a patient without tumour" in summary["studies"]["c"]["warnings"][0]
    written = nibabel.load(out / "masks" / "A1.nii.gz")
    np.testing.assert_array_equal(written.get_fdata(), box_mask(SHIFTED))
    np.testing.assert_array_equal(written.affine, nibabel.load(root / "A_1" / "ct.nii.gz").affine)
    assert is_evaluation(out)


def test_the_pooled_scores_are_those_of_all_axial_slices(root, masks, tmp_path):
    result = evaluate_studies([(find_cases(root)[0], file_segmenter(masks))], tmp_path / "out", masks=False)
    assert result.published.dice == pytest.approx(2 * 75 / (90 + 8 + 180))
    assert [row["slice"] for row in result.published.slices][:2] == ["A1_0000", "A1_0001"]
    assert sum(row["truth_px"] > 0 for row in result.published.slices) == 6
    assert not (tmp_path / "out" / "masks").exists()


def test_masks_that_were_written_score_the_same_again(root, masks, tmp_path):
    cases, _ = find_cases(root)
    evaluate_studies([(cases, file_segmenter(masks))], tmp_path / "one")
    again = find_masks_of(cases, tmp_path / "one")
    evaluate_studies([(cases, file_segmenter(again))], tmp_path / "two")
    assert rows_of(tmp_path / "one") == rows_of(tmp_path / "two")


def test_a_network_segments_whole_studies_as_prediction_does(root, tmp_path):
    predictor, calls = SlicePredictor(BrightPet(), "cpu"), []
    options = VolumeOptions(fit="pad", keep_all=True)
    segment = network_segmenter(predictor, options, lambda done, total: calls.append((done, total)))
    result = evaluate_studies([(find_cases(root)[0], segment)], tmp_path / "out")
    assert [row["dice"] for row in result.patients.patients] == [1, 1, 0]
    assert calls[-1] == (SHAPE[2], SHAPE[2])
    strict = network_segmenter(predictor, VolumeOptions(fit="pad", min_suv=16))
    result = evaluate_studies([(find_cases(root)[0], strict)], tmp_path / "strict")
    assert [row["case"] for row in result.patients.patients] == ["missed", "missed", "empty"]
    assert any("no uptake: SUVmax below 16" in line for line in result.studies[0].of_mask)


def test_a_study_that_fails_is_named_and_the_others_are_scored(root, masks, tmp_path):
    write_nifti(root / "b" / "truth.nii.gz", box_mask()[:, :, :5])
    result = evaluate_studies([(find_cases(root)[0], file_segmenter(masks))], tmp_path / "out")
    assert list(result.failed) == ["b"]
    assert "24 x 20 x 5 voxels" in result.failed["b"]
    assert list(rows_of(tmp_path / "out")) == ["A1", "c"]
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["failed"] == result.failed


def test_a_defect_in_one_study_costs_no_other(root, masks, tmp_path):
    def segment(case, pair):
        if case.patient == "b":
            raise ZeroDivisionError
        return file_segmenter(masks)(case, pair)

    result = evaluate_studies([(find_cases(root)[0], segment)], tmp_path / "out")
    assert "a defect of cipa (ZeroDivisionError)" in result.failed["b"]
    assert len(result.patients.patients) == 2


def test_where_every_study_fails_nothing_is_written(root, masks, tmp_path):
    for name in ("A_1", "b", "c"):
        write_nifti(root / name / "truth.nii.gz", box_mask()[:, :, :5])
    cases, _ = find_cases(root)
    with pytest.raises(DataError, match=r"no study could be scored; A_1: .*24 x 20 x 5"):
        evaluate_studies([(cases, file_segmenter(masks))], tmp_path / "out")
    assert not (tmp_path / "out").exists()
    result = evaluate_studies(
        [(cases, file_segmenter(masks))],
        tmp_path / "out",
        reading=Reading(truth=MaskReading(resample=True, of="truth")),
    )
    assert result.failed == {}
    assert "not on the grid of the CT" in result.studies[0].of_truth[0]


def test_a_negative_tolerance_is_refused(root, masks, tmp_path):
    with pytest.raises(UsageError, match="--tolerance -1"):
        evaluate_studies([(find_cases(root)[0], file_segmenter(masks))], tmp_path / "out", tolerance=-1)


@pytest.fixture
def dicom(tmp_path):
    """Two DICOM studies with the hot box as their only SEG or RTSTRUCT."""
    for name in ("seg", "rt"):
        folder = write_study(tmp_path / "d" / name, StudyInstanceUID=f"1.2.{len(name)}")
        pair = read_pet_ct(read_study(folder))
        lesions = [LesionObject(1, box) for box in ndimage.find_objects(hot_box())]
        if name == "seg":
            write_seg(folder / "1.2.840", hot_box(), pair.ct_slices, BY, lesions)
        else:
            write_rtstruct(folder / "RS.dcm", hot_box(), pair.ct_slices, lesions, BY)
    return tmp_path / "d"


def test_truth_in_dicom_is_found_by_what_it_is(dicom, tmp_path):
    cases, without = find_cases(dicom)
    assert ({case.patient: case.truth.name for case in cases}, without) == (
        {"rt": "RS.dcm", "seg": "1.2.840"},
        [],
    )
    masks = {case.patient: case.truth for case in cases}
    result = evaluate_studies([(cases, file_segmenter(masks))], tmp_path / "out")
    assert result.failed == {}
    assert [(row["dice"], row["truth_ml"]) for row in result.patients.patients] == [
        (1, pytest.approx(0.144))
    ] * 2


def test_several_regions_are_refused_with_the_option_that_chooses(dicom, tmp_path):
    for case in find_cases(dicom)[0]:
        pair = read_location(case.study)
        two = hot_box()
        two[2:4, 2:4, 1:2] = 2
        lesions = [LesionObject(number, box) for number, box in enumerate(ndimage.find_objects(two), start=1)]
        if case.patient == "seg":
            write_seg(case.truth, two, pair.source.ct_slices, BY, lesions)
        else:
            write_rtstruct(case.truth, two, pair.source.ct_slices, lesions, BY)
        header = dcmread(case.truth)
        header.Manufacturer = "Another"  # all lesions of an own object are taken
        header.save_as(case.truth)
    cases, _ = find_cases(dicom)
    masks = {case.patient: case.truth for case in cases}
    every, first = (MaskReading(regions=wanted, of="truth") for wanted in (("*",), ("* 1",)))
    with pytest.raises(DataError, match=r"2 ROIs \(Lesion 1, Lesion 2\); say with --truth-region which"):
        evaluate_studies([(cases, file_segmenter(masks))], tmp_path / "out")
    segment = file_segmenter(masks, every)
    result = evaluate_studies([(cases, segment)], tmp_path / "out", reading=Reading(truth=first))
    assert [row["dice"] for row in result.patients.patients] == [pytest.approx(2 * 12 / (12 + 16))] * 2
