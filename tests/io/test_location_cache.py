"""Where studies lie is remembered on this machine alone, and a damaged memory is none."""

import json

import pytest

from cipa.io.location_cache import recall_location, remember_location
from cipa.io.studies import StudyLocation

FINGERPRINT = "study-0123456789"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("CIPA_SOURCES", str(tmp_path / "cache"))
    return tmp_path / "cache"


def location(tmp_path, **changes):
    return StudyLocation(**{"name": "p1", "ct": tmp_path / "ct", "fingerprint": FINGERPRINT} | changes)


@pytest.mark.parametrize("kind", ["dicom", "folders", "pair", "alone"])
def test_a_location_comes_back_as_it_was(tmp_path, kind):
    changes = {
        "dicom": {},
        "folders": {"folders": (tmp_path / "a", tmp_path / "b")},
        "pair": {"pet": tmp_path / "pet.nii.gz", "fingerprint": "files-0123456789"},
        "alone": {"alone": "ct"},
    }[kind]
    one = location(tmp_path, **changes)
    remember_location(one)
    assert recall_location(one.fingerprint) == one


def test_a_study_that_moved_is_found_where_it_was_read_last(tmp_path):
    remember_location(location(tmp_path))
    remember_location(location(tmp_path, ct=tmp_path / "moved"))
    assert recall_location(FINGERPRINT).ct == tmp_path / "moved"


def test_only_the_user_may_read_where_patients_lie(tmp_path, cache):
    remember_location(location(tmp_path))
    (file,) = cache.iterdir()
    assert (cache.stat().st_mode & 0o777, file.stat().st_mode & 0o777) == (0o700, 0o600)


@pytest.mark.parametrize("fingerprint", ["", "../../etc/passwd", "study-0123", "study-0123456789.json"])
def test_what_is_no_fingerprint_is_neither_kept_nor_looked_for(tmp_path, cache, fingerprint):
    remember_location(location(tmp_path, fingerprint=fingerprint))
    assert not cache.exists()
    assert recall_location(fingerprint) is None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"name": "p1"}', '{"name": 1, "ct": 2, "pet": 3}'])
def test_a_damaged_memory_is_none(tmp_path, cache, content):
    remember_location(location(tmp_path))
    (file,) = cache.iterdir()
    file.write_text(content)
    assert recall_location(FINGERPRINT) is None


def test_nothing_is_remembered_where_the_user_wants_none(tmp_path, monkeypatch):
    monkeypatch.setenv("CIPA_SOURCES", "")
    remember_location(location(tmp_path))
    assert recall_location(FINGERPRINT) is None


def test_a_cache_that_cannot_be_written_costs_nothing_else(tmp_path, cache):
    cache.write_text("a file stands here")
    remember_location(location(tmp_path))
    assert recall_location(FINGERPRINT) is None


def test_the_memory_holds_no_more_than_paths_and_names(tmp_path, cache):
    remember_location(location(tmp_path))
    (file,) = cache.iterdir()
    assert set(json.loads(file.read_text())) == {"name", "ct", "pet", "folders", "alone"}
