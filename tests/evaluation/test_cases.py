"""Which truth is of which study."""

import pytest

from cipa.errors import DataError, UsageError
from cipa.evaluation.cases import find_cases, find_masks_of
from studies import write_study
from study_truth import box_mask, write_case, write_nifti


def truths(root, truth=None):
    cases, without = find_cases(root, truth)
    return {case.patient: case.truth.name for case in cases}, without


@pytest.mark.parametrize("name", ["truth", "Tumour_on_CT", "tumor", "GTV_CT", "my_mask", "truth_2024"])
def test_truth_beside_a_pair_is_found_by_its_name(tmp_path, name):
    write_case(tmp_path / "STS_001", name=name)
    write_nifti(tmp_path / "STS_001" / "liver.nii.gz", box_mask())
    write_case(tmp_path / "b", name="")
    assert truths(tmp_path) == ({"STS001": f"{name}.nii.gz"}, ["b"])


def test_the_first_kind_of_name_counts(tmp_path):
    write_case(tmp_path / "a", name="truth")
    write_nifti(tmp_path / "a" / "lung_mask.nii.gz", box_mask())
    assert truths(tmp_path)[0] == {"a": "truth.nii.gz"}


def test_pairs_in_one_folder_have_the_truth_of_their_own_name(tmp_path):
    for prefix in ("a1_", "a10_", "a1-b_"):
        write_case(tmp_path, prefix=prefix)
    assert truths(tmp_path)[0] == {
        "a1": "a1_truth.nii.gz",
        "a10": "a10_truth.nii.gz",
        "a1-b": "a1-b_truth.nii.gz",
    }


def test_truth_of_dicom_is_in_the_study_s_folders_or_beside_them(tmp_path):
    for number, place in ((1, "p1/deep/tumour.nii.gz"), (2, "p2_truth.nii.gz"), (3, "stray.nii.gz")):
        write_study(tmp_path / f"p{number}", StudyInstanceUID=f"1.2.{number}")
        write_nifti(tmp_path / place, box_mask())
    assert truths(tmp_path) == ({"p1": "tumour.nii.gz", "p2": "p2_truth.nii.gz"}, ["p3"])


def test_what_prediction_wrote_into_a_study_is_no_truth(tmp_path):
    write_study(tmp_path / "p1")
    write_nifti(tmp_path / "p1" / "out" / "mask.nii.gz", box_mask())
    (tmp_path / "p1" / "out" / "lesions.json").touch()
    with pytest.raises(DataError, match=r"no truth of p1; put a NIfTI mask named truth\*"):
        find_cases(tmp_path / "p1")


def test_truth_is_named_by_a_pattern_a_folder_a_table_or_a_file(tmp_path):
    for name in ("a", "b"):
        write_case(tmp_path / "s" / name, name="expert1")
        write_nifti(tmp_path / "s" / name / "expert2.nii.gz", box_mask())
        write_nifti(tmp_path / "labels" / f"{name}.nii.gz", box_mask())
    for pattern in ("EXPERT2", "*t2.nii.gz"):
        assert truths(tmp_path / "s", pattern)[0] == dict.fromkeys("ab", "expert2.nii.gz")
    assert truths(tmp_path / "s", str(tmp_path / "labels"))[0] == {"a": "a.nii.gz", "b": "b.nii.gz"}
    table = tmp_path / "truth.csv"
    table.write_text("study,mask\na,labels/b.nii.gz\n")
    assert truths(tmp_path / "s", str(table)) == ({"a": "b.nii.gz"}, ["b"])
    one = str(tmp_path / "labels" / "b.nii.gz")
    assert truths(tmp_path / "s" / "a", one)[0] == {"a": "b.nii.gz"}
    with pytest.raises(DataError, match="one mask for 2 studies"):
        find_cases(tmp_path / "s", one)


def test_several_files_that_may_be_the_truth_are_refused(tmp_path):
    write_case(tmp_path / "a", name="GTV_CT")
    write_nifti(tmp_path / "a" / "GTV_PET.nii.gz", box_mask())
    with pytest.raises(DataError, match=r"a: 2 files may be the truth \(GTV_CT.nii.gz and GTV_PET.nii.gz\)"):
        find_cases(tmp_path)


def test_studies_that_would_have_one_id_are_refused(tmp_path):
    for name in ("p_1", "p1"):
        write_case(tmp_path / name)
    with pytest.raises(UsageError, match="two studies would both be p1"):
        find_cases(tmp_path)


@pytest.mark.parametrize(
    ("truth", "said"),
    [
        (None, r"no truth of a; put a NIfTI mask named truth\*, .* or name the masks with --truth"),
        ("expert*", r"no truth of a; put a NIfTI mask named by expert\*"),
        ("none/labels", "--truth none/labels: not there; give a folder"),
        ("none.csv", "none.csv: no such folder|none.csv"),
    ],
)
def test_no_truth_at_all_is_one_line(tmp_path, truth, said):
    write_case(tmp_path / "a", name="")
    with pytest.raises(DataError, match=said):
        find_cases(tmp_path, truth)


def test_folders_without_studies_are_one_line(tmp_path):
    with pytest.raises(DataError, match=r"no studies and no test.txt; give DICOM or pairs of NIfTI"):
        find_cases(tmp_path)
    with pytest.raises(DataError, match="no such folder"):
        find_cases(tmp_path / "none")


def test_every_study_needs_another_tool_s_mask(tmp_path):
    for name in ("a", "b", "c"):
        write_case(tmp_path / "s" / name)
    write_nifti(tmp_path / "m" / "b.nii.gz", box_mask())
    cases, _ = find_cases(tmp_path / "s")
    with pytest.raises(DataError, match=r"m: no mask of a, c; add it .* as a.nii.gz"):
        find_masks_of(cases, tmp_path / "m")
    for name in ("a", "c"):
        write_nifti(tmp_path / "m" / f"{name}_pred.nii.gz", box_mask())
    found = {patient: path.name for patient, path in find_masks_of(cases, tmp_path / "m").items()}
    assert found == {"a": "a_pred.nii.gz", "b": "b.nii.gz", "c": "c_pred.nii.gz"}


def test_the_one_study_of_a_folder_is_known_by_its_own_folder_too(tmp_path):
    write_study(tmp_path / "s" / "p1")
    write_nifti(tmp_path / "m" / "p1.nii.gz", box_mask())
    cases, _ = find_cases(tmp_path / "s", str(tmp_path / "m"))
    assert [(case.study.name, case.truth.name) for case in cases] == [("s", "p1.nii.gz")]


def test_a_hidden_study_is_known_by_its_folder_and_shown_by_its_alias(tmp_path):
    write_study(tmp_path / "s" / "Secret", StudyInstanceUID="1.2.1")
    write_study(tmp_path / "s" / "other", StudyInstanceUID="1.2.2")
    write_nifti(tmp_path / "m" / "Secret.nii.gz", box_mask())
    cases, without = find_cases(tmp_path / "s", str(tmp_path / "m"))
    assert without == ["other"]
    assert "Secret" not in cases[0].patient
    assert cases[0].truth.name == "Secret.nii.gz"
    assert "Secret" not in cases[0].scrub(str(cases[0].truth))
