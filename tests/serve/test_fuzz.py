"""A short form of `python -m benchmarks.serve fuzz`."""

import random

import pytest
from benchmarks.serve.fuzz import attack, damage, record
from benchmarks.serve.tools import send

from cipa.serve.settings import Limits
from serve_tools import write_uid_study

pytestmark = pytest.mark.slow  # it waits for answers


def test_damaged_streams_are_answered_or_closed_and_the_node_goes_on(open_node, tmp_path):
    found = open_node(Limits(free_mb=0, idle_s=1.0, object_mb=8, associations=50))
    files = write_uid_study(tmp_path / "study")
    stream, random_ = record(found.port, files[0]), random.Random(0)
    outcomes = {attack(found.port, damage(stream, random_), random_) for _ in range(25)}
    assert "hung" not in outcomes
    assert send(found.port, files) == [0x0000] * len(files)
