import pytest

from cipa.data.convert.sources import find_triples, patient_id, read_table
from cipa.errors import DataError, UsageError


def touch(root, *names):
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


@pytest.mark.parametrize(
    ("name", "expected"),
    [("STS_001", "STS001"), ("a b/c", "abc"), (".hidden", "hidden"), ("0007-x.2", "0007-x.2")],
)
def test_ids_have_no_underscore(name, expected):
    assert patient_id(name) == expected


def test_a_name_of_which_nothing_is_left_is_refused():
    with pytest.raises(DataError, match="no letter or digit"):
        patient_id("__")


def test_the_patient_is_the_folder_with_a_wildcard(tmp_path):
    touch(tmp_path, "in/P_2/ct/a.nii", "in/P_2/pet.nii", "in/P_2/m.nii", "in/other/pet.nii")
    touch(tmp_path, "in/P_10/ct/b.nii", "in/P_10/pet.nii", "in/P_10/m.nii")
    found = find_triples(tmp_path, "in/P_*/ct/?.nii", "in/P_*/pet.nii", "in/P_*/m.nii")
    assert [(each.patient, each.name) for each in found.triples] == [("P10", "P_10"), ("P2", "P_2")]
    assert found.triples[1].ct == tmp_path / "in/P_2/ct/a.nii"
    assert found.problems == ()


def test_in_a_files_name_the_patient_is_what_the_first_star_stands_for(tmp_path):
    touch(tmp_path, "7_ct_no_ct1.nii", "masks/7.nii", "pet/7/suv.nii", "[x]_ct.nii")
    found = find_triples(tmp_path, "*_ct*.nii", "pet/*/suv.nii", "masks/*.nii")
    assert [each.name for each in found.triples] == ["7"]
    assert [each.name for each in found.problems] == ["[x]"]


def test_missing_and_ambiguous_partners_are_named_and_the_others_found(tmp_path):
    touch(tmp_path, "A/ct.nii", "A/pet.nii", "A/m.nii")
    touch(tmp_path, "B/ct.nii", "B/pet.nii")
    touch(tmp_path, "C/ct.nii", "C/ct2.nii", "C/pet.nii", "C/m.nii")
    found = find_triples(tmp_path, "*/ct*.nii", "*/pet.nii", "*/m.nii")
    assert [each.name for each in found.triples] == ["A"]
    details = {each.name: each.detail for each in found.problems}
    assert "no mask file" in details["B"]
    assert "2 ct files (ct.nii and ct2.nii)" in details["C"]


def test_ids_that_would_share_a_folder_are_refused(tmp_path):
    for name in ("A_1", "a1", "B"):
        touch(tmp_path, f"{name}/ct.nii", f"{name}/pet.nii", f"{name}/m.nii")
    found = find_triples(tmp_path, "*/ct.nii", "*/pet.nii", "*/m.nii")
    assert [each.name for each in found.triples] == ["B"]
    assert sorted(each.name for each in found.problems) == ["A_1", "a1"]
    assert set(found.ids) == {"A_1", "a1", "B"}


@pytest.mark.parametrize("pattern", ["ct.nii", "**/ct.nii", "/data/*/ct.nii"])
def test_a_pattern_that_names_no_patient_is_refused(tmp_path, pattern):
    with pytest.raises(UsageError, match="--ct"):
        find_triples(tmp_path, pattern, "*/pet.nii", "*/m.nii")


def test_a_pattern_that_finds_nothing_is_refused(tmp_path):
    touch(tmp_path, "A/ct.nii", "A/pet.nii")
    with pytest.raises(DataError, match=r"--mask '\*/m.nii'"):
        find_triples(tmp_path, "*/ct.nii", "*/pet.nii", "*/m.nii")
    with pytest.raises(DataError, match="no such folder"):
        find_triples(tmp_path / "nowhere", "*/ct.nii", "*/pet.nii", "*/m.nii")


def test_a_table_gives_paths_from_its_own_folder(tmp_path):
    table = tmp_path / "list.csv"
    table.write_text(
        "\ufeffpatient,age,ct,pet,mask\nP_1,60,a/ct.nii,a/pet.nii,/abs/m.nii\nP_2,61,b.nii,,c.nii\n"
    )
    found = read_table(table)
    (triple,) = found.triples
    assert (triple.patient, triple.ct) == ("P1", tmp_path / "a/ct.nii")
    assert str(triple.mask) == "/abs/m.nii"
    assert [str(each) for each in found.problems] == [
        "P_2: no pet file; add it, or leave the patient out with --skip-bad"
    ]


def test_a_patient_in_two_rows_is_refused(tmp_path):
    table = tmp_path / "list.csv"
    table.write_text("patient,ct,pet,mask\nA,1.nii,2.nii,3.nii\nA,4.nii,5.nii,6.nii\n")
    assert "2 ct files" in read_table(table).problems[0].detail


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "empty"),
        ("patient,ct,pet,mask\n", "no rows"),
        ("patient,ct,pet\nA,1,2\n", "no column 'mask'"),
        (b"\xff\xfe\x00", "UTF-8"),
    ],
)
def test_a_table_that_is_none_is_refused(tmp_path, text, words):
    table = tmp_path / "list.csv"
    table.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(DataError, match=words):
        read_table(table)
    with pytest.raises(DataError, match="no such file"):
        read_table(tmp_path / "other.csv")
