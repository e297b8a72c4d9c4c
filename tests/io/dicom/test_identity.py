import json
import traceback

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from cipa.errors import DataError
from cipa.io.dicom.identity import choose_name, find_secrets, make_alias
from cipa.io.dicom.study import read_study
from cipa.io.dicom.summary import summarise
from cipa.io.dicom.volumes import read_pet_ct
from dicom_files import header, save, write_series


@pytest.mark.parametrize(
    ("name", "label", "shown"),
    [
        ("Doe^Jane", "/data/DOE JANE/ct.dcm", "/data/*** ***/ct.dcm"),
        ("Doe^Jane", "doe-jane", "***-***"),
        ("Doe^Jane", "does", "does"),  # three letters are looked for as a word
        ("Johnson^Al", "xJOHNSONx al", "x***x ***"),
        ("Li=李", "li 1", "*** 1"),
        ("Müller^Änne", "MÜLLER_1", "***_1"),
        ("", "any", "any"),
    ],
)
def test_parts_of_a_name_are_found_whatever_their_case(name, label, shown):
    one = header("CT", PatientName=name, SpecificCharacterSet="ISO_IR 192")
    assert find_secrets([one]).scrub(label) == shown
    assert (choose_name(label, one) == label) == (shown == label)


def test_an_id_is_a_secret_too_unless_identity_was_removed():
    one = header("CT", PatientName="Doe^Jane", PatientID="4711-A")
    assert choose_name("scan 4711-a", one) == make_alias(one)
    one.PatientIdentityRemoved = "YES"
    assert choose_name("scan 4711-a", one) == "scan 4711-a"


def test_an_alias_is_the_studys_own():
    one, other = header("CT"), header("PT", StudyInstanceUID="1.2.99")
    assert make_alias(one) == make_alias(header("PT")) != make_alias(other)


WHO = {
    "PatientName": "Müller-Weiß^Zoé=ミュラー^ゾエ",
    "PatientID": "PHI-0090210",
    "OtherPatientIDs": ["OLD7788", "X-55"],
    "PatientBirthDate": "19551231",
    "AccessionNumber": "ACC 4711",
    "PatientBirthName": "Großmann",
    "SpecificCharacterSet": "ISO_IR 192",
}


@pytest.mark.parametrize(
    "label",
    [
        *("Müller", "MÜLLER", "Mueller", "Muller", "mueller_ct", "xxMu\u0308llerxx", "M\u00fc\u0301ller"),
        *(
            "Weiß",
            "WEISS",
            "weiss",
            "Zoé",
            "zoe",
            "Zoe\u0301_1",
            "ZoeMuellerWeiss",
            "ミュラー",
            "\uff90\uff6d\uff97\uff70",
        ),
        *("PHI-0090210", "phi0090210", "PHI_0090210", "90210 PHI 0090210", "old7788", "X55"),
        *(
            "19551231",
            "1955-12-31",
            "1955.12.31",
            "31.12.1955",
            "12/31/1955",
            "31121955",
            "551231",
            "1955_12_31",
        ),
        *("ACC4711", "acc-4711", "grossmann", "GROSSMANN"),
    ],
)
def test_every_spelling_of_every_secret_is_found(label):
    one = header("CT", **WHO)
    secrets = find_secrets([one])
    assert secrets.occur_in(label)
    shown = secrets.scrub(f"series 'CT of {label}' at /data/{label}/x")
    assert shown.startswith("series 'CT of ")
    assert shown.endswith("/x")
    assert not secrets.occur_in(shown.replace("***", ""))
    assert choose_name(label, one) == make_alias(one)


@pytest.mark.parametrize(
    "label", ["CT chest", "x551", "1955", "20551231", "199551231", "millers", "PET-AC 12"]
)
def test_other_words_and_numbers_are_left_alone(label):
    assert find_secrets([header("CT", **WHO)]).scrub(label) == label


@pytest.mark.parametrize(
    ("raw", "declared", "label"),
    [
        ("Müller^J".encode("latin-1"), None, "Müller"),
        ("Müller^J".encode(), "ISO_IR 100", "mueller"),
        ("Müller^J".encode("latin-1"), "ISO_IR 192", "Muller"),
        ("王^小东".encode("gb18030"), None, "王小东"),
        ("王^小东".encode("gb18030"), "GB18030", "小东"),
        ("Иванов^П".encode("cp1251"), "ISO_IR 144", "ИВАНОВ"),
        ("김^희중".encode("euc_kr"), "no such set", "희중"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_a_name_is_found_whatever_character_set_was_declared(tmp_path, raw, declared, label):
    one = header("CT", PatientName="x", SpecificCharacterSet=declared or "")
    one.PatientName = "N" * len(raw)
    save(one, tmp_path / "x.dcm")
    file = tmp_path / "x.dcm"
    file.write_bytes(file.read_bytes().replace(b"N" * len(raw), raw))
    assert find_secrets([dcmread(file)]).occur_in(f"scan of {label} 1")


def test_secrets_of_all_series_count(tmp_path):
    one, other = header("CT", PatientName="Doe^Jane"), header("PT", PatientName="Roe^Mary")
    assert find_secrets([one, other]).scrub("jane mary") == "*** ***"


def test_secrets_do_not_show_themselves():
    assert "Müller" not in repr(find_secrets([header("CT", **WHO)]))


def test_ids_in_a_sequence_are_secrets():
    one = header("CT")
    item = Dataset()
    item.PatientID = "SEQ-3141"
    one.OtherPatientIDsSequence = [item]
    assert find_secrets([one]).occur_in("seq3141")


def test_no_line_of_a_study_holds_a_secret(tmp_path):
    told = {
        **WHO,
        "SeriesDescription": "CT of Mueller 1955-12-31 PHI0090210",
        "BodyPartExamined": "MUELLER",
        "Manufacturer": "Zoé & Co",
        "ManufacturerModelName": "ACC4711",
    }
    folder = tmp_path / "Müller_19551231"
    for modality in ("CT", "PT"):
        values = np.arange(60).reshape(4, 5, 3) * 100
        write_series(folder / "PHI-0090210", modality, values, Rows=5, **told)
    (folder / "PHI-0090210" / "OLD7788.dcm").write_bytes(b"x" * 300)
    facts = json.dumps(summarise(folder), ensure_ascii=False)
    assert json.loads(facts)["usable"]
    secrets = find_secrets([header("CT", **WHO)])
    assert not secrets.occur_in(facts.replace("***", ""))
    for file in folder.rglob("PT*.dcm"):
        one = dcmread(file)
        one.Units = "ZOÉ"
        save(one, file)
    facts = json.dumps(summarise(folder), ensure_ascii=False)
    assert not json.loads(facts)["usable"]
    assert not secrets.occur_in(facts.replace("***", ""))


def test_a_traceback_holds_no_secret_either(study):
    for file in study.rglob("PT*.dcm"):
        one = dcmread(file)
        one.Units = "SECRET"
        save(one, file)
    with pytest.raises(DataError) as error:
        read_pet_ct(read_study(study))
    assert "SECRET" not in "".join(traceback.format_exception(error.value)).replace("Secret^Name", "")
