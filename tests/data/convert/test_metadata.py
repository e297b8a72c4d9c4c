"""metadata.json is written, and read back by those who take masks back; damage in it is one line."""

import json

import numpy as np
import pytest

from cipa.data.convert.metadata import PatientRecord, read_metadata, write_metadata
from cipa.data.convert.outcome import Problem
from cipa.data.convert.patient import Recipe
from cipa.data.convert.split import SplitRule
from cipa.errors import DataError
from cipa.io.grid_record import grid_record
from cipa.io.plane import PlaneFit
from cipa.io.volume import Volume


def record(patient="P1", **changes):
    ct = Volume(np.zeros((60, 50, 9), np.int16), np.diag([-1.0, -1.0, 3.0, 1.0]))
    values = {
        "patient": patient,
        "name": "patient one",
        "split": "train",
        "sources": {"ct": "P_1/CT.nii.gz", "pet": "P_1/PET.nii.gz", "mask": "P_1/mask.nii.gz"},
        "spacing": (3.0, 1.0, 1.0),
        "plane": PlaneFit((50, 60), (50, 60), 128),
        "numbers": (2, 3, 5),
        "grid": grid_record(ct),
        "slices_with_tumour": 2,
        "warnings": ("the CT holds no air",),
    }
    return PatientRecord(**(values | changes))


def write(folder, *records):
    write_metadata(folder, Recipe(size=128), SplitRule(last=1), list(records), (Problem("P9", "why"),))
    return json.loads((folder / "metadata.json").read_text())


def change(folder, document, **changes):
    entry = document["patients"]["P1"] | changes
    (folder / "metadata.json").write_text(json.dumps(document | {"patients": {"P1": entry}}))


def test_records_come_back_as_they_were(tmp_path):
    records = record(), record("P2", slices_with_tumour=None, warnings=())
    write(tmp_path, *records)
    assert read_metadata(tmp_path) == {"P1": records[0], "P2": records[1]}


def test_a_conversion_says_how_it_was_done_and_who_was_left_out(tmp_path):
    document = write(tmp_path, record())
    assert (document["schema"], document["size"], document["ct_window_hu"]) == (1, 128, [-1200, 200])
    assert document["skipped"] == {"P9": "why"}
    assert document["split"]["last"] == 1


def test_a_file_of_an_earlier_version_lacks_the_count_of_slices_with_tumour(tmp_path):
    document = write(tmp_path, record())
    del document["patients"]["P1"]["slices_with_tumour"]
    (tmp_path / "metadata.json").write_text(json.dumps(document))
    assert read_metadata(tmp_path)["P1"].slices_with_tumour is None


@pytest.mark.parametrize("document", [[], "text", {}, {"schema": 2}, {"schema": "1"}, {"schema": None}])
def test_another_schema_is_refused(tmp_path, document):
    (tmp_path / "metadata.json").write_text(json.dumps(document))
    with pytest.raises(DataError, match="this version reads 1; convert the volumes again"):
        read_metadata(tmp_path)


@pytest.mark.parametrize("size", [0, -1, 128.0, "128", True, None, 10**6])
def test_an_image_size_that_cannot_be_is_refused(tmp_path, size):
    document = write(tmp_path, record())
    (tmp_path / "metadata.json").write_text(json.dumps(document | {"size": size}))
    with pytest.raises(DataError, match="a damaged entry"):
        read_metadata(tmp_path)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("spacing_mm", [3.0, 1.0]),
        ("spacing_mm", [3.0, 1.0, 0.0]),
        ("spacing_mm", [3.0, 1.0, -1.0]),
        ("spacing_mm", [3.0, 1.0, "nan"]),
        ("spacing_mm", [3.0, 1.0, "1.0"]),
        ("spacing_mm", [3.0, 1.0, True]),
        ("spacing_mm", [3.0, 1.0, None]),
        ("spacing_mm", None),
        ("source_shape", [50]),
        ("source_shape", [50, 0]),
        ("content_shape", [50, 129]),
        ("content_shape", [50.0, 60.0]),
        ("numbers", [2, -3]),
        ("numbers", [2, 10**6]),
        ("numbers", ["2"]),
        ("numbers", 2),
        ("slices_with_tumour", -1),
        ("slices_with_tumour", 1.5),
        ("grid", {}),
        ("grid", None),
        ("sources", ["ct"]),
        ("warnings", None),
    ],
)
def test_a_value_that_cannot_be_is_refused(tmp_path, field, value):
    change(tmp_path, write(tmp_path, record()), **{field: value})
    with pytest.raises(DataError, match=r"metadata.json: a damaged entry \(.*\); convert the volumes again"):
        read_metadata(tmp_path)


@pytest.mark.parametrize("patient", ["P_1", "../P1", "", "P 1"])
def test_a_patient_whose_id_no_folder_has_is_refused(tmp_path, patient):
    document = write(tmp_path, record())
    document["patients"] = {patient: document["patients"]["P1"]}
    (tmp_path / "metadata.json").write_text(json.dumps(document))
    with pytest.raises(DataError, match="a damaged entry"):
        read_metadata(tmp_path)


def test_a_missing_entry_is_named(tmp_path):
    document = write(tmp_path, record())
    del document["patients"]["P1"]["grid"]
    (tmp_path / "metadata.json").write_text(json.dumps(document))
    with pytest.raises(DataError, match="KeyError: 'grid'"):
        read_metadata(tmp_path)
