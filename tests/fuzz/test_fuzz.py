"""The short form of `python -m benchmarks fuzz`: every reader meets some damaged inputs."""

import random
import signal
import time

import pytest
from benchmarks.fuzz import run
from benchmarks.fuzz.mutate import damage_bytes, damage_csv, damage_json, damage_text, damage_yaml
from benchmarks.fuzz.run import fuzz
from benchmarks.fuzz.targets import TARGETS, Target

from cipa.errors import DataError


def test_no_reader_fails_on_damaged_inputs():
    report = fuzz(150)
    assert sum(report.counts.values()) >= 140
    assert report.faults == []
    assert sum(report.counts[target.name, "refused"] for target in TARGETS) > 30  # else it damages nothing


@pytest.mark.parametrize(
    ("damage", "content"),
    [
        (damage_bytes, b"x" * 50),
        (damage_text, "a\nb\n"),
        (damage_json, '{"a": [1, {"b": "c"}]}'),
        (damage_yaml, "a: 1\nb: 2\n"),
        (damage_csv, "a,b\n1,2\n"),
    ],
)
def test_a_seed_says_what_is_damaged(damage, content):
    once, again = ([damage(random.Random(seed), content) for seed in range(100)] for _ in range(2))
    assert once == again
    assert len(set(once)) > 20


def outcome(read, tmp_path):
    target = Target("x", 1, lambda _: None, lambda *_: None, read)
    return run._try(target, 0, 0, tmp_path).kind


def fails(error):
    def read(_):
        raise error

    return read


def test_what_goes_wrong_is_told_apart(tmp_path, monkeypatch):
    file = tmp_path / "a.nii"
    file.touch()
    assert outcome(lambda _: None, tmp_path) == "taken"
    assert outcome(fails(DataError(f"{file}: no")), tmp_path) == "refused"
    assert outcome(fails(DataError("something: no")), tmp_path) == "no file"
    assert outcome(fails(DataError(f"{file}: \x1b[31m")), tmp_path) == "control characters"
    assert outcome(fails(DataError(f"{file}: {'x' * 2000}")), tmp_path) == "long line"
    assert outcome(fails(KeyError("x")), tmp_path) == "traceback"
    assert outcome(fails(MemoryError()), tmp_path) == "memory"
    monkeypatch.setattr(run, "MOST_BYTES", 2**26)
    assert outcome(lambda _: bytearray(b"x") * 2**28, tmp_path) == "memory"
    monkeypatch.setattr(run, "SECONDS", 1)
    before = signal.signal(signal.SIGALRM, run._stop)
    try:
        assert outcome(lambda _: time.sleep(10), tmp_path) == "hang"
    finally:
        signal.signal(signal.SIGALRM, before)
