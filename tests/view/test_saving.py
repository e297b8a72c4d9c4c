"""Corrections become revisions: measured as a prediction is, whole or not at all; no work is lost."""

import errno
import json
import shutil

import nibabel
import numpy as np
import pytest
from pydicom import dcmread

from cipa.cli.main import main
from cipa.inference.revisions import list_revisions
from view_client import LESIONS, Client, make_result, voxels


@pytest.fixture
def client(result, monkeypatch):
    """A client whose saves draw no pictures, which take most of their time."""
    monkeypatch.setattr("cipa.view.save.write_study_report", lambda *_: None)
    return Client(result)


ACCEPT = {"tools": ["brush", "threshold"], "lesions": [{"label": 1, "name": "hilum", "state": "accepted"}]}


def contents(folder):
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def erase(labels, number):
    return np.where(labels == number, 0, labels).astype(labels.dtype)


def test_a_save_measures_what_a_hand_computed_mask_gives(client, result):
    labels = client.labels()
    z, y, x = np.argwhere(labels == 1)[0]
    labels[z, y, x] = 0  # one voxel of the hot lesion
    saved = client.send(labels, edits=ACCEPT)
    assert saved.status_code == 200, saved.text
    first = saved.json()["lesions"][0]
    affine = np.array(saved.json()["grid"]["affine"])
    voxel_ml = abs(np.linalg.det(affine[:3, :3])) / 1000
    there = np.argwhere(labels == 1)[:, ::-1]
    centre = affine[:3, :3] @ there.mean(axis=0) + affine[:3, 3]
    assert first["voxels"] == 11
    assert first["volume_ml"] == pytest.approx(11 * voxel_ml)
    assert first["centroid_mm"] == pytest.approx(centre.tolist(), abs=1e-3)
    assert first["suv_max"] == pytest.approx(15, rel=1e-3)
    table = json.loads((result / "revisions" / "001" / "lesions.json").read_text())
    assert table["lesions"][0]["volume_ml"] == first["volume_ml"]


def test_a_revision_has_the_numbers_that_cipa_measure_gives_of_its_mask(client, result, study, tmp_path):
    client.send(client.labels(), edits=ACCEPT)
    mask = result / "revisions" / "001" / "mask.nii.gz"
    assert main(["measure", str(mask), str(study), "-o", str(tmp_path / "again"), "--no-report"]) == 0
    own, again = ((folder / "lesions.csv").read_text() for folder in (mask.parent, tmp_path / "again"))
    assert own == again


def test_what_the_network_drew_is_never_touched(client, result):
    before = contents(result)
    client.send(erase(client.labels(), 2))
    after = contents(result)
    assert {path: after[path] for path in before} == before
    assert client.labels("?revision=network").max() == 2
    assert client.labels().max() == 1


def test_a_revision_has_every_file_that_its_result_has(study, tmp_path):
    result = make_result(study, tmp_path / "whole")
    client = Client(result)
    client.send(client.labels(), edits=ACCEPT)
    folder = result / "revisions" / "001"
    there = {path.name for path in folder.iterdir()}
    assert {path.name for path in result.iterdir()} - {"revisions"} <= there
    assert {"revision.json", "report.html"} <= there
    seg = dcmread(folder / "segmentation.dcm")
    assert [str(one.SegmentAlgorithmType) for one in seg.SegmentSequence] == ["SEMIAUTOMATIC"] * 2
    assert seg.ManufacturerModelName == "CIPA nano, corrected in cipa view"
    assert "hilum" in (folder / "report.html").read_text()


def test_objects_that_the_result_has_are_written_again_and_no_others(study, tmp_path):
    client = Client(make_result(study, tmp_path / "out", objects=("rtstruct",)))
    client.send(client.labels())
    there = {path.name for path in (tmp_path / "out" / "revisions" / "001").glob("*.dcm")}
    assert there == {"contours.dcm"}


def test_the_record_says_who_made_what(client, result):
    client.send(client.labels(), edits=ACCEPT)
    (revision,) = list_revisions(result)
    assert revision.record["by"] == "person"
    assert revision.record["parent"] == 0
    assert revision.record["tools"] == ["brush", "threshold"]
    assert revision.record["lesions"] == [
        {"label": 1, "name": "hilum", "state": "accepted"},
        {"label": 2, "name": "", "state": "unreviewed"},
    ]
    described = client.describe()
    assert [one["by"] for one in described["revisions"]] == ["network", "person"]
    assert [(one["name"], one["state"]) for one in described["lesions"]] == [
        ("hilum", "accepted"),
        ("", "unreviewed"),
    ]


def test_a_rejected_lesion_leaves_the_mask_and_stays_listed(client, result):
    edits = {"lesions": [{"label": 1, "name": "heart", "state": "rejected"}]}
    saved = client.send(client.labels(), edits=edits).json()
    assert saved["renumbered"] == {"1": 2, "2": 1}
    assert [(one["label"], one["state"], one["voxels"]) for one in saved["lesions"]] == [
        (1, "unreviewed", 8),
        (2, "rejected", 12),
    ]
    assert saved["lesions"][1]["name"] == "heart"
    assert np.bincount(client.labels().ravel())[1:].tolist() == [8]
    assert np.bincount(client.labels("?rejected=1").ravel())[1:].tolist() == [8, 12]
    mask = nibabel.load(result / "revisions" / "001" / "mask.nii.gz").get_fdata()
    assert mask.sum() == 8
    back = client.send(client.labels("?rejected=1"), revision=1).json()  # accepted again
    assert [one["voxels"] for one in back["lesions"]] == [12, 8]


def test_lesions_are_numbered_by_size_and_keep_their_names(client):
    labels = client.labels()
    labels[0, :3, :10] = 2  # now of 38 voxels, in two pieces
    edits = {"lesions": [{"label": 2, "name": "node", "state": "accepted"}]}
    saved = client.send(labels, edits=edits).json()
    assert saved["renumbered"] == {"2": 1, "1": 2}
    assert saved["lesions"][0]["name"] == "node"
    assert saved["lesions"][0]["voxels"] == 38
    assert (client.labels() == 1).sum() == 38


def test_merged_and_split_lesions_are_measured_as_drawn(client):
    labels = client.labels()
    labels[labels == 2] = 1
    assert [one["voxels"] for one in client.send(labels).json()["lesions"]] == [20]
    inside = np.argwhere(labels == 1)
    for number, (z, y, x) in enumerate(inside[:6]):
        labels[z, y, x] = 3 + number % 2  # touching one another
    saved = client.send(labels, revision=1).json()
    assert [one["voxels"] for one in saved["lesions"]] == [14, 3, 3]


def test_an_empty_mask_can_be_saved(client, result):
    saved = client.send(np.zeros_like(client.labels())).json()
    assert saved["lesions"] == []
    assert client.get("/api/results").json()[0]["state"] == "corrected"
    assert not nibabel.load(result / "revisions" / "001" / "mask.nii.gz").get_fdata().any()


def test_labels_of_two_bytes_are_taken(client):
    labels = client.labels().astype("<u2")
    labels[labels == 2] = 700
    assert client.send(labels).json()["renumbered"] == {"1": 1, "700": 2}


@pytest.mark.parametrize("change", [lambda one: one[:-1], lambda one: np.concatenate([one, one, one])])
def test_a_mask_of_another_grid_is_refused(client, result, change):
    before = contents(result)
    for what in ("save", "autosave"):
        answer = client.send(change(client.labels()), what)
        assert answer.status_code == 422
        assert "does not fill the CT's grid of 32 x 32 x 5" in answer.json()["error"]
    assert contents(result) == before


def test_a_body_that_is_no_gzip_or_cut_short_is_refused(client):
    import gzip

    assert client.send(b"no gzip, but as long").status_code == 400
    whole = gzip.compress(client.labels().tobytes())
    assert client.send(whole[:-20]).status_code in (400, 422)


def test_an_older_revision_cannot_overwrite_a_newer_one(client):
    labels = client.labels()
    assert client.send(labels).status_code == 200
    for what in ("save", "autosave"):
        answer = client.send(erase(labels, 2), what, revision=0)
        assert answer.status_code == 409
        assert answer.json()["newest"] == 1
    assert client.labels().max() == 2


def test_strokes_outlive_a_crash(client, result):
    labels = erase(client.labels(), 2)
    assert client.send(labels, "autosave", edits=ACCEPT).status_code == 204
    later = Client(result)  # the server was started anew
    described = later.describe()
    assert described["has_autosave"]
    assert described["autosave"]["revision"] == 0
    assert described["autosave"]["edits"]["lesions"][0]["name"] == "hilum"
    assert np.array_equal(later.labels("?revision=autosave"), labels)
    assert later.labels().max() == 2


def test_a_save_takes_the_place_of_the_strokes_kept(client, result):
    labels = erase(client.labels(), 2)
    client.send(labels, "autosave")
    assert client.send(labels).status_code == 200
    assert not client.describe()["has_autosave"]
    assert client.get(client.url("mask.nii") + "?revision=autosave").status_code == 404


def test_two_tabs_cannot_overwrite_each_other(client):
    labels = client.labels()
    mine, theirs = erase(labels, 1), erase(labels, 2)
    assert client.send(mine, "autosave", tab="mine").status_code == 204
    for what in ("autosave", "save"):
        answer = client.send(theirs, what, tab="theirs")
        assert answer.status_code == 409
        assert answer.json()["held_by"] == "mine"
    drop = client.http.delete(client.url("autosave"), headers={"X-Cipa-Tab": "theirs"})
    assert drop.status_code == 409
    assert np.array_equal(client.labels("?revision=autosave"), mine)
    taken = client.send(theirs, "autosave", tab="theirs", **{"X-Cipa-Take-Over": "1"})
    assert taken.status_code == 204
    assert client.send(mine, tab="mine").status_code == 409
    assert client.send(theirs, tab="theirs").status_code == 200


def test_strokes_can_be_dropped(client, result):
    client.send(client.labels(), "autosave")
    assert client.http.delete(client.url("autosave"), headers={"X-Cipa-Tab": "tab-one"}).status_code == 204
    assert not (result / "autosave").exists()


def test_a_damaged_file_of_strokes_is_said_and_does_not_block(client, result):
    (result / "autosave").write_bytes(b"{}")
    assert any("autosave" in line for line in client.describe()["warnings"])
    assert client.send(client.labels(), "autosave").status_code == 422
    take = {"X-Cipa-Take-Over": "1"}
    assert client.send(client.labels(), "autosave", **take).status_code == 204


@pytest.mark.parametrize("where", ["cipa.inference.save.write_volume", "cipa.inference.save.write_table"])
def test_a_full_disk_leaves_everything_as_it_was(client, result, monkeypatch, where):
    labels = client.labels()
    client.send(erase(labels, 2), "autosave")
    before = contents(result)

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device", "somewhere")

    monkeypatch.setattr(where, full)
    answer = client.send(labels)
    assert answer.status_code == 507
    assert "disk is full" in answer.json()["error"]
    assert contents(result) == before
    monkeypatch.undo()
    assert client.send(labels).json()["revision"] == 1


def test_a_report_that_fails_does_not_take_the_mask_with_it(client, monkeypatch):
    def fail(*_):
        raise ValueError("a picture")

    monkeypatch.setattr("cipa.view.save.write_study_report", fail)
    saved = client.send(client.labels()).json()
    assert saved["revision"] == 1
    assert any("not written" in line for line in saved["warnings"])


def test_a_record_that_fails_is_no_revision(client, result, monkeypatch):
    def fail(*_):
        raise ValueError

    monkeypatch.setattr("cipa.view.save.write_labels", fail)
    assert client.send(client.labels()).status_code == 500
    assert list_revisions(result) == []
    assert client.describe()["revision"] == 0


def test_a_result_deleted_meanwhile_is_said(client, result):
    labels, url = client.labels(), client.url()
    shutil.rmtree(result)
    for answer in (
        client.get(url),
        client.http.post(f"{url}/save", content=b"", headers={"X-Cipa-Revision": "0", "X-Cipa-Tab": "one"}),
    ):
        assert answer.status_code == 404
        assert "may have been deleted" in answer.json()["error"]
    assert labels.any()


def test_a_result_replaced_meanwhile_is_said(client, study, result):
    labels, stamp = client.labels(), client.describe()["stamp"]
    shutil.rmtree(result)
    make_result(study, result, LESIONS[:1])
    answer = client.send(labels, **{"X-Cipa-Stamp": stamp})
    assert answer.status_code == 409
    assert "replaced meanwhile" in answer.json()["error"]


def test_corrections_are_not_overwritten_by_another_prediction(client, result, study, capsys):
    client.send(client.labels())
    before = contents(result)
    words = ["measure", str(result / "mask.nii.gz"), str(study), "-o", str(result), "--overwrite"]
    assert main(words) == 1
    assert "holds corrections made in cipa view" in capsys.readouterr().err
    assert contents(result) == before


def test_a_revision_number_is_nobody_else_s(client, result):
    (result / "revisions" / "001").mkdir(parents=True)  # another process is about to fill it
    assert client.send(client.labels()).json()["revision"] == 2


def test_a_revision_without_its_record_is_not_taken_for_none(client, result):
    client.send(client.labels())
    (result / "revisions" / "001" / "revision.json").write_text("{")
    row = client.get("/api/results").json()[0]
    assert row["state"] == "broken"
    assert "revision.json" in row["problem"]


@pytest.mark.parametrize("record", [{}, {"lesions": 1}, {"lesions": [{"label": 1}]}, {"lesions": ["a"]}])
def test_a_damaged_entry_of_a_record_is_said(client, result, record):
    client.send(client.labels())
    (result / "revisions" / "001" / "revision.json").write_text(json.dumps(record))
    answer = client.get(client.url())
    assert answer.status_code == 422
    assert "a damaged entry" in answer.json()["error"]


def test_an_earlier_revision_stays_readable(client):
    labels = client.labels()
    client.send(erase(labels, 2))
    client.send(labels, revision=1)
    assert client.labels("?revision=1").max() == 1
    assert client.labels("?revision=2").max() == 2
    assert client.get(client.url("mask.nii") + "?revision=3").status_code == 404
    assert voxels(client.get(client.url("mask.nii")).content).max() == 2


def test_the_patient_is_found_once_and_each_lesion_measured_once(client, monkeypatch):
    from cipa.inference import measure
    from cipa.view import studies

    bodies, measured = [], []
    body_of_pair, find_lesions = studies.body_of_pair, measure.measure_lesions

    def find_body(pair):
        bodies.append(pair)
        return body_of_pair(pair)

    def measure_lesions(labels, *rest):
        found = find_lesions(labels, *rest)
        measured.extend(lesion.voxels for lesion in found)
        return found

    monkeypatch.setattr(studies, "body_of_pair", find_body)
    monkeypatch.setattr(measure, "measure_lesions", measure_lesions)
    rejected = {"lesions": [{"label": 1, "name": "", "state": "rejected"}]}
    client.send(client.labels(), edits=rejected)
    client.send(client.labels("?rejected=1"), revision=1)
    assert len(bodies) == 1
    assert sorted(measured) == [8, 8, 12, 12]


def test_a_rejected_lesion_keeps_the_numbers_it_had(client, result):
    before = {one["voxels"]: one for one in client.describe()["lesions"]}
    edits = {"lesions": [{"label": 2, "state": "rejected"}]}
    saved = client.send(client.labels(), edits=edits).json()["lesions"]
    assert [(one["voxels"], one["label"]) for one in saved] == [(12, 1), (8, 2)]
    for one in saved:
        for name in ("volume_ml", "suv_max", "suv_peak", "suv_mean", "tlg", "centroid_mm"):
            assert one[name] == pytest.approx(before[one["voxels"]][name])
