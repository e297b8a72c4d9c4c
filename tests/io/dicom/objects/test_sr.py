from dataclasses import replace

import pytest
from highdicom.sr import srread
from pydicom import dcmread
from pydicom.sr.codedict import codes

from cipa.io.dicom.objects.sr import write_sr
from cipa.io.dicom.seg import write_seg
from cipa.lesions.grown import THRESHOLDS, GrownVolume, grown_row
from dicom_lesions import BY, JAPANESE, KOREAN, VALUES, objects_of, pair_of, two_lesions
from dicom_tools import errors_of, run

TOTALS = {"study": "x", "lesions": 2, "mtv_ml": 2.5, "tlg": 10.625, "suv_max": 9.5, "suv_peak": None}


def write_both(pair, folder, labels, lesions, totals=TOTALS, references=None):
    seg = write_seg(folder / "seg.dcm", labels, pair.ct_slices, BY, lesions)
    pet = pair.pet_series.slices
    write_sr(folder / "sr.dcm", seg, pair.ct_slices, pet, lesions, totals, BY, references or {})
    return srread(folder / "sr.dcm")


def numbers(group):
    """Values of a group by name, derivation and unit."""
    found = {}
    for one in group.get_measurements():
        derivation = one.derivation.meaning if one.derivation else ""
        found[one.name.meaning, derivation, one.unit.value] = one.value
    return found


def test_each_lesion_is_a_group_with_its_segment_images_and_numbers(pair, tmp_path):
    labels = two_lesions()
    lesions = objects_of(labels)
    report = write_both(pair, tmp_path, labels, lesions)
    seg = dcmread(tmp_path / "seg.dcm")
    groups = report.content.get_volumetric_roi_measurement_groups()
    assert [group.tracking_uid for group in groups] == [one.uid for one in lesions]
    assert [segment.TrackingUID for segment in seg.SegmentSequence] == [one.uid for one in lesions]
    for group, lesion in zip(groups, lesions, strict=True):
        segment = group.referenced_segment
        (named,) = segment[0].ReferencedSOPSequence
        assert named.ReferencedSOPInstanceUID == seg.SOPInstanceUID
        assert named.ReferencedSegmentNumber == lesion.number
        images = {one.ReferencedSOPSequence[0].ReferencedSOPInstanceUID for one in segment[1:]}
        assert images == {one.header.SOPInstanceUID for one in pair.ct_slices[lesion.box[2]]}
        assert group.finding_type == codes.SCT.Neoplasm
        assert numbers(group) == {
            ("Volume", "", "mL"): VALUES["volume_ml"],
            ("SUVbw", "Maximum", "g/ml{SUVbw}"): VALUES["suv_max"],
            ("SUVbw", "Mean", "g/ml{SUVbw}"): VALUES["suv_mean"],
            ("SUVbw", "Peak Value Within ROI", "g/ml{SUVbw}"): VALUES["suv_peak"],
            ("Total Lesion Glycolysis", "", "g"): VALUES["tlg"],
        }


@pytest.mark.parametrize("tags", [{}, JAPANESE, KOREAN])
def test_dciodvfy_finds_no_error_in_seg_and_sr(tmp_path, tags):
    pair, labels = pair_of(tmp_path / "study", **tags), two_lesions()
    write_both(pair, tmp_path, labels, objects_of(labels))
    assert errors_of(tmp_path / "seg.dcm") == errors_of(tmp_path / "sr.dcm") == []
    assert dcmread(tmp_path / "sr.dcm").PatientName == dcmread(tmp_path / "seg.dcm").PatientName != ""


def test_dcmtk_shows_the_report(pair, tmp_path):
    labels = two_lesions()
    write_both(pair, tmp_path, labels, objects_of(labels))
    code, said = run("dsrdump", tmp_path / "sr.dcm")
    assert code == 0
    assert said.count('(,,"Measurement Group")') == 3
    assert said.count('"Referenced Segment")=(SG image') == 2


def test_without_a_lesion_the_totals_stand_alone(pair, tmp_path):
    report = write_both(pair, tmp_path, two_lesions() * 0, [])
    assert report.content.get_volumetric_roi_measurement_groups() == []
    (group,) = report.content.get_image_measurement_groups()
    assert numbers(group)["Metabolic Volume", "", "mL"] == 2.5


def test_the_images_measured_on_are_evidence(pair, tmp_path):
    write_both(pair, tmp_path, two_lesions(), objects_of(two_lesions()))
    found = dcmread(tmp_path / "sr.dcm")
    named = {
        instance.ReferencedSOPInstanceUID
        for kind in ("CurrentRequestedProcedureEvidenceSequence", "PertinentOtherEvidenceSequence")
        for study in found.get(kind, [])
        for series in study.ReferencedSeriesSequence
        for instance in series.ReferencedSOPSequence
    }
    assert {one.header.SOPInstanceUID for one in (*pair.ct_slices, *pair.pet_series.slices)} <= named


def test_sul_thresholds_extent_and_side_have_codes_of_their_own(pair, tmp_path):
    volumes = tuple(GrownVolume(2.0 + index, 8.0, False) for index, _ in enumerate(THRESHOLDS))
    more = {"sul_max": 7.0, "sul_mean": 3.0, "sul_peak": 5.5, "longest_axial_mm": 21.5, "side": "left"}
    labels = two_lesions()
    lesions = [replace(one, values=VALUES | more | grown_row(volumes)) for one in objects_of(labels)]
    report = write_both(pair, tmp_path, labels, lesions, TOTALS | {"dmax_mm": 42.0})
    group, _ = report.content.get_volumetric_roi_measurement_groups()
    found = numbers(group)
    for derivation, value in (("Maximum", 7.0), ("Mean", 3.0), ("Peak Value Within ROI", 5.5)):
        assert found["SUVlbm(Janma)", derivation, "g/ml{SUVlbm(Janma)}"] == value
    assert found["Long axis", "", "mm"] == 21.5
    by_method = {
        (one.name.meaning, one.method.value): one.value for one in group.get_measurements() if one.method
    }
    assert by_method == {
        (name, threshold.name): value
        for index, threshold in enumerate(THRESHOLDS)
        for name, value in (("Metabolic Volume", 2.0 + index), ("Total Lesion Glycolysis", 8.0))
    }
    evaluations = [(one.name.meaning, one.value.meaning) for one in group.get_qualitative_evaluations()]
    assert ("Laterality", "Left") in evaluations
    (totals,) = report.content.get_image_measurement_groups()
    assert numbers(totals)["Distance", "Maximum", "mm"] == 42.0
    assert errors_of(tmp_path / "sr.dcm") == []


def test_liver_and_blood_pool_are_groups_with_their_site(pair, tmp_path):
    values = {"mean_suv": 2.0, "sd_suv": 0.2, "mean_sul": 1.5, "sd_sul": 0.15, "voxels": 190}
    references = {"liver": values, "blood_pool": values, "percist_threshold_sul": 2.55}
    report = write_both(pair, tmp_path, two_lesions(), objects_of(two_lesions()), references=references)
    _, liver, blood = report.content.get_image_measurement_groups()
    assert [group.finding_sites[0].value.meaning for group in (liver, blood)] == ["Liver", "Aorta"]
    assert numbers(liver)["SUVbw", "Mean", "g/ml{SUVbw}"] == 2.0
    assert numbers(liver)["SUVlbm(Janma)", "Standard Deviation", "g/ml{SUVlbm(Janma)}"] == 0.15
    assert errors_of(tmp_path / "sr.dcm") == []
