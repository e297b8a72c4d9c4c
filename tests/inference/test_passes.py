import pytest
import torch

from cipa.errors import UsageError
from cipa.inference import passes as room
from cipa.inference.passes import split_threads


@pytest.mark.parametrize(
    ("threads", "batch_size", "passes", "each"), [(2, 4, 2, 1), (8, 4, 4, 2), (1, 4, 1, 1), (3, 2, 2, 1)]
)
def test_passes_share_the_threads(monkeypatch, threads, batch_size, passes, each):
    given = []
    monkeypatch.setattr(room, "_threads", lambda: threads)
    monkeypatch.setattr(torch, "set_num_threads", given.append)
    assert split_threads("cpu", batch_size) == passes
    assert given == [each]


def test_a_second_predictor_gets_as_many_passes(monkeypatch):
    given = [6]
    monkeypatch.setattr(torch, "get_num_threads", lambda: given[-1])
    monkeypatch.setattr(torch, "set_num_threads", given.append)
    room._threads.cache_clear()
    try:
        assert [split_threads("cpu", 3) for _ in range(2)] == [3, 3]
    finally:
        room._threads.cache_clear()
    assert given == [6, 2, 2]


def test_an_unknown_device_is_refused():
    with pytest.raises(UsageError, match="unknown device"):
        split_threads("abacus", 4)


def test_a_batch_size_that_is_refused_later_stops_nothing_here(monkeypatch):
    monkeypatch.setattr(torch, "set_num_threads", lambda count: None)
    assert split_threads("cpu", 0) == 1
