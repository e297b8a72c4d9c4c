import shutil

import pytest

from cipa.io.dicom.study import choose_pair, read_study
from cipa.io.studies import find_studies, nifti_location, single_file_location
from studies import write_study


def names(root, **options):
    return [location.name for location in find_studies(root, **options)]


def study(folder, number, **tags):
    return write_study(folder, StudyInstanceUID=f"1.2.{number}", FrameOfReferenceUID=f"1.3.{number}", **tags)


def touch(*files):
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"")


def test_one_study_is_the_folder_itself_however_deep_its_files_lie(tmp_path):
    study(tmp_path / "patient" / "a" / "b", 1)
    touch(tmp_path / "patient" / "readme.txt", tmp_path / "patient" / "a" / "x.png")
    (location,) = find_studies(tmp_path / "patient")
    assert (location.name, location.ct, location.pet, location.folders) == (
        "patient",
        tmp_path / "patient",
        None,
        None,
    )


def test_a_place_knows_whether_it_is_dicom(tmp_path):
    study(tmp_path / "patient", 1)
    file = tmp_path / "ct.nii"
    assert find_studies(tmp_path / "patient")[0].is_dicom
    assert not nifti_location("pair", file, file).is_dicom
    assert not single_file_location("alone", file, "ct").is_dicom


def test_folders_and_zips_of_many_studies_are_named_by_their_path(tmp_path):
    study(tmp_path / "site" / "p1", 1)
    study(tmp_path / "site" / "p2" / "deep", 2)
    study(tmp_path / "elsewhere" / "p3", 3)
    shutil.make_archive(str(tmp_path / "site" / "p3"), "zip", tmp_path / "elsewhere")
    shutil.rmtree(tmp_path / "elsewhere")
    locations = find_studies(tmp_path / "site")
    assert [location.name for location in locations] == ["p1", "p2_deep", "p3"]
    assert locations[2].ct == tmp_path / "site" / "p3.zip"


def test_studies_sorted_by_modality_are_put_together_by_their_headers(tmp_path):
    for number in (1, 2):
        study(tmp_path / "made", number)
        for kind in ("ct", "pet"):
            (tmp_path / "root" / kind).mkdir(parents=True, exist_ok=True)
            (tmp_path / "made" / kind).rename(tmp_path / "root" / kind / f"p{number}")
    locations = find_studies(tmp_path / "root")
    assert [location.name for location in locations] == ["ct_p1", "ct_p2"]
    for number, location in enumerate(locations, start=1):
        pair = choose_pair(read_study(location.ct, location.folders))
        assert [series.header.StudyInstanceUID for series in pair] == [f"1.2.{number}"] * 2


def test_pairs_of_nifti_are_told_by_the_last_word_of_their_names(tmp_path):
    touch(
        *(tmp_path / "s1" / name for name in ("CT.nii.bz2", "PET_SUV.nii.gz", "GTV_CT.nii.gz")),
        *(tmp_path / "s2" / name for name in ("CT.nii.gz", "CTres.nii.gz", "SUV.nii.gz", "PET.nii.gz")),
        *(tmp_path / "flat" / name for name in ("a1__CT.nii.gz", "a1__PT.nii.gz", "a2_ct.nii", "a2_pet.nii")),
        tmp_path / "alone" / "ct.nii.gz",
        tmp_path / "impact.nii.gz",
    )
    locations = find_studies(tmp_path)
    assert [(location.name, location.ct.name, location.pet.name) for location in locations] == [
        ("flat_a1", "a1__CT.nii.gz", "a1__PT.nii.gz"),
        ("flat_a2", "a2_ct.nii", "a2_pet.nii"),
        ("s1", "CT.nii.bz2", "PET_SUV.nii.gz"),
        ("s2", "CT.nii.gz", "SUV.nii.gz"),
    ]
    assert names(tmp_path / "s1") == ["s1"]


def test_results_and_half_written_folders_are_no_studies(tmp_path):
    study(tmp_path / "p1", 1)
    study(tmp_path / "out" / "p1", 2)
    touch(tmp_path / "out" / "p1" / "lesions.json")
    study(tmp_path / ".partial-x", 3)
    assert names(tmp_path) == [tmp_path.name]


@pytest.mark.parametrize("packed", [False, True])
def test_a_name_of_the_patient_is_replaced_unless_it_is_to_be_kept(tmp_path, packed):
    study(tmp_path / "root" / "DOE_JANE-2020", 1, PatientName="Doe^Jane")
    study(tmp_path / "root" / "p2", 2, PatientName="Li^Wu")
    if packed:
        folder = tmp_path / "root" / "DOE_JANE-2020"
        shutil.make_archive(str(folder), "zip", folder)
        shutil.rmtree(folder)
    alias, other = sorted(names(tmp_path / "root"), reverse=True)
    assert alias.startswith("study-")
    assert other == "p2"
    assert names(tmp_path / "root", keep_names=True) == ["DOE_JANE-2020", "p2"]


def test_an_alias_in_place_of_the_name_is_no_secret(tmp_path):
    study(tmp_path / "ACRIN-042", 1, PatientName="ACRIN-042", PatientIdentityRemoved="YES")
    assert names(tmp_path / "ACRIN-042") == ["ACRIN-042"]


def test_nothing_to_be_found(tmp_path):
    touch(tmp_path / "a_CT.png")
    assert (
        find_studies(tmp_path)
        == find_studies(tmp_path / "absent")
        == find_studies(tmp_path / "a_CT.png")
        == []
    )
