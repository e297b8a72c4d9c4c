import csv
import errno

import pytest

from cipa.errors import DataError, UsageError
from cipa.inference import batch
from cipa.inference.batch import Job, run_studies, run_study, write_summary
from cipa.inference.options import StudyOptions, VolumeOptions
from cipa.inference.predictor import Predictor
from cipa.io.studies import StudyLocation, find_studies
from studies import SPOILT, spoil, without_weight, write_study

OPTIONS = VolumeOptions()


@pytest.fixture
def job(network):
    return Job(Predictor(network(), "cpu"), OPTIONS)


@pytest.fixture
def many(tmp_path):
    """Three studies, the second of which cannot be used."""
    root = tmp_path / "in"
    for number in (1, 2, 3):
        uids = {"StudyInstanceUID": f"1.2.{number}", "FrameOfReferenceUID": f"1.3.{number}"}
        write_study(root / f"p{number}", PatientName=f"Name^Secret{number}", **uids)
    spoil(root / "p2")
    return root


def states(outcomes):
    return [(one.study, one.state) for one in outcomes]


def test_a_study_that_fails_does_not_stop_the_rest_and_leaves_nothing(job, many, tmp_path):
    outcomes = list(run_studies(job, find_studies(many), tmp_path / "out"))
    assert states(outcomes) == [("p1", "done"), ("p2", "failed"), ("p3", "done")]
    assert outcomes[1].error == SPOILT
    assert outcomes[0].totals["lesions"] == 1
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["p1", "p3"]


def test_finished_studies_are_skipped_when_the_run_is_repeated(job, many, tmp_path):
    locations = find_studies(many)
    list(run_studies(job, locations[:1], tmp_path / "out"))
    before = (tmp_path / "out" / "p1" / "mask.nii.gz").stat().st_mtime_ns
    outcomes = list(run_studies(job, locations, tmp_path / "out"))
    assert states(outcomes) == [("p1", "skipped"), ("p2", "failed"), ("p3", "done")]
    assert outcomes[0].totals == outcomes[2].totals | {"study": "p1"}
    assert (tmp_path / "out" / "p1" / "mask.nii.gz").stat().st_mtime_ns == before


def test_a_result_of_another_study_or_setting_is_not_taken_for_this_one(job, many, tmp_path, network):
    one, _, other = find_studies(many)
    run_study(job, one, tmp_path / "out")
    with pytest.raises(UsageError, match="holds a result of another study"):
        run_study(job, other, tmp_path / "out")
    heavy = Job(job.predictor, OPTIONS, StudyOptions(weight_kg=80.0))
    with pytest.raises(UsageError, match="another --weight-kg"):
        run_study(heavy, one, tmp_path / "out")
    with pytest.raises(UsageError, match="another threshold"):
        run_study(Job(Predictor(network(), "cpu", threshold=0.6), OPTIONS), one, tmp_path / "out")
    other_weights = network()
    other_weights.scale.data.fill_(5.0)
    with pytest.raises(UsageError, match="other weights"):
        run_study(Job(Predictor(other_weights, "cpu"), OPTIONS), one, tmp_path / "out")


def test_a_defect_costs_one_study_and_quotes_nothing(job, many, tmp_path, monkeypatch):
    monkeypatch.setattr(batch, "predict_study", lambda *_, **__: {}["Secret^Name"])
    outcomes = list(run_studies(job, find_studies(many)[:1], tmp_path / "out"))
    assert outcomes[0].error == "a defect of cipa (KeyError); run this study alone with --debug"


def test_a_full_disk_ends_the_run(job, many, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(batch, "save_prediction", full)
    with pytest.raises(OSError, match="No space"):
        list(run_studies(job, find_studies(many), tmp_path / "out"))


def test_lines_about_a_study_do_not_name_its_patient(job, tmp_path):
    without_weight(write_study(tmp_path / "in" / "NAME" / "x", PatientName="Name^Secret"))
    write_study(tmp_path / "in" / "p2", StudyInstanceUID="1.9", FrameOfReferenceUID="1.9.1")
    outcomes = list(run_studies(job, find_studies(tmp_path / "in"), tmp_path / "out"))
    failed = next(one for one in outcomes if one.error)
    assert failed.study.startswith("study-")
    assert failed.error.endswith("Patient's Weight (0010,1030) is missing; give --weight-kg")
    assert "name" not in failed.study + failed.error.lower().replace("patient's", "")


def test_one_study_that_fails_is_named_by_its_path(job, many):
    location = StudyLocation("p2", many / "p2")
    with pytest.raises(DataError, match=f"^{many / 'p2'}: {SPOILT}"):
        run_study(job, location, many / "out")


def test_tables_over_all_studies(job, many, tmp_path):
    locations = find_studies(many)
    list(run_studies(job, locations, tmp_path / "out"))
    write_summary(tmp_path / "out", [location.name for location in locations])
    for name in ("patients", "lesions"):
        with (tmp_path / "out" / f"{name}.csv").open(newline="") as file:
            assert [row["study"] for row in csv.DictReader(file)] == ["p1", "p3"]


def test_a_study_that_another_process_has_finished_meanwhile_is_no_failure(job, many, tmp_path, monkeypatch):
    location, out = find_studies(many)[0], tmp_path / "out"

    def finish_elsewhere(*arguments):
        monkeypatch.undo()
        assert run_study(job, location, out).state == "done"
        return predict_location(*arguments)

    predict_location = batch.predict_location
    monkeypatch.setattr(batch, "predict_location", finish_elsewhere)
    assert run_study(job, location, out).state == "skipped"


def test_memory_that_runs_out_costs_one_study(job, many, tmp_path, monkeypatch):
    def fail(*_):
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: 9 bytes")

    monkeypatch.setattr(batch, "predict_location", fail)
    outcomes = list(run_studies(job, find_studies(many), tmp_path / "out"))
    assert {one.error for one in outcomes} == {"memory ran out; use a machine with more"}
