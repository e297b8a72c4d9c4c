"""Which part of the work is this process's, and when variables of a launcher mean something."""

import pytest

from cipa.cli.ranks import LAUNCHER, Rank, _is_launched, this_rank

WHOLE = {"RANK": "1", "WORLD_SIZE": "4", "MASTER_ADDR": "localhost", "MASTER_PORT": "29500"}


@pytest.mark.parametrize("count", [1, 2, 3, 7, 20])
def test_every_piece_is_the_work_of_one_process(count):
    work = list(range(11))
    shares = [Rank(index, count).share(work) for index in range(count)]
    assert sorted(piece for share in shares for piece in share) == work
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_a_process_alone_has_all_the_work_and_its_own_answer():
    assert Rank().share([1, 2, 3]) == [1, 2, 3]
    assert Rank().gather("mine") == ["mine"]


@pytest.mark.parametrize("wanted", ["auto", "cpu", "cuda:1"])
def test_a_process_alone_keeps_the_device_that_was_asked_for(wanted):
    assert Rank().device(wanted) == wanted


@pytest.mark.parametrize(
    ("index", "local", "device"), [(0, 0, "cuda:0"), (1, 1, "cuda:1"), (4, 0, "cuda:0"), (5, 3, "cuda:1")]
)
def test_processes_of_a_host_are_dealt_its_gpus(monkeypatch, index, local, device):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    assert Rank(index, 8, local).device("auto") == device
    assert Rank(index, 8, local).device("cuda:7") == "cuda:7"


def test_a_launcher_sets_everything_to_what_can_be():
    assert _is_launched(WHOLE)


@pytest.mark.parametrize("name", LAUNCHER)
@pytest.mark.parametrize("value", [None, ""])
def test_a_variable_that_is_missing_means_no_launcher(name, value):
    assert not _is_launched({key: one for key, one in (WHOLE | {name: value}).items() if one is not None})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("RANK", "4"),
        ("RANK", "-1"),
        ("RANK", "x"),
        ("WORLD_SIZE", "0"),
        ("WORLD_SIZE", "4.0"),
        ("MASTER_PORT", "0"),
        ("MASTER_PORT", "65536"),
        ("MASTER_PORT", "http"),
    ],
)
def test_a_value_that_cannot_be_means_no_launcher(name, value):
    assert not _is_launched(WHOLE | {name: value})


def test_without_a_launcher_this_process_is_the_only_one(monkeypatch):
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    with this_rank() as rank:
        assert rank == Rank(0, 1, 0)
