"""The state of a run is whole or refused: a value that cannot be is never resumed from."""

import errno

import pytest
import torch

from cipa.errors import DataError, UsageError
from cipa.training.state import (
    Position,
    check_state,
    fingerprint,
    load_state,
    restoring,
    save_state,
    saving,
)


def state(**changes):
    whole = {
        "position": vars(Position(step=7, best_dice=0.5, best_step=5)),
        "model": {"weight": torch.arange(6.0)},
        "optimizer": {"state": {}, "param_groups": []},
        "average": None,
        "scaler": None,
        "data": "abc",
        "processes": 1,
    }
    return whole | changes


def test_a_state_comes_back_to_the_bit(tmp_path):
    save_state(tmp_path / "state.pt", state())
    found = load_state(tmp_path / "state.pt")
    assert found["position"] == state()["position"]
    assert torch.equal(found["model"]["weight"], state()["model"]["weight"])


def test_a_write_that_fails_leaves_the_state_before_it(tmp_path, monkeypatch):
    save_state(tmp_path / "state.pt", state())

    def fail(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(torch, "save", fail)
    with pytest.raises(DataError, match=r"could not be written \(No space left on device\).*is intact"):
        save_state(tmp_path / "state.pt", state(processes=2))
    monkeypatch.undo()
    assert load_state(tmp_path / "state.pt")["processes"] == 1
    assert [file.name for file in tmp_path.iterdir()] == ["state.pt"]


@pytest.mark.parametrize("part", ["position", "model", "optimizer", "average", "scaler", "data", "processes"])
def test_a_missing_part_is_named(tmp_path, part):
    damaged = state()
    del damaged[part]
    with pytest.raises(DataError, match=f"its {part} is missing or of another type"):
        check_state(damaged, tmp_path)


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("model", [1]),
        ("optimizer", None),
        ("average", "x"),
        ("scaler", 1),
        ("data", None),
        ("processes", "1"),
        ("processes", 1.0),
    ],
)
def test_a_part_of_another_type_is_named(tmp_path, part, value):
    with pytest.raises(DataError, match=f"its {part} is missing or of another type"):
        check_state(state(**{part: value}), tmp_path)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("step", -1),
        ("step", 10**10),
        ("step", 7.0),
        ("step", True),
        ("best_step", "5"),
        ("validated_step", None),
        ("best_dice", float("nan")),
        ("best_dice", "0.5"),
        ("seconds", float("inf")),
        ("seconds", 10**400),
    ],
)
def test_a_position_that_cannot_be_is_refused(tmp_path, field, value):
    position = state()["position"] | {field: value}
    with pytest.raises(DataError, match="its position holds values that cannot be"):
        check_state(state(position=position), tmp_path)


@pytest.mark.parametrize("position", [{}, {"step": 1}, vars(Position()) | {"other": 1}])
def test_a_position_of_other_fields_is_refused(tmp_path, position):
    with pytest.raises(DataError, match="its position has other fields"):
        check_state(state(position=position), tmp_path)


@pytest.mark.parametrize("whole", [None, [], 7, torch.zeros(1)])
def test_what_is_no_state_is_refused(tmp_path, whole):
    with pytest.raises(DataError, match="cannot be resumed from"):
        check_state(whole, tmp_path)


def test_a_model_of_other_values_than_tensors_is_refused(tmp_path):
    with pytest.raises(DataError, match="its model holds what is no tensor"):
        check_state(state(model={"weight": [1.0]}), tmp_path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"not a state"])
def test_a_damaged_file_is_one_line_with_the_way_out(tmp_path, content):
    (tmp_path / "state.pt").write_bytes(content)
    with pytest.raises(DataError, match="damaged and cannot be resumed from: start a new run"):
        load_state(tmp_path / "state.pt")


def test_an_absent_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"state.pt: no such file; start a new run"):
        load_state(tmp_path / "state.pt")


def test_what_a_network_raises_for_a_foreign_state_is_one_line(tmp_path):
    model = torch.nn.Linear(2, 2)
    line = r"cannot be resumed from \(Error\(s\) in loading"
    with pytest.raises(DataError, match=line) as caught, restoring(tmp_path):
        model.load_state_dict({"weight": torch.zeros(3, 3), "bias": torch.zeros(2)})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("error", [UsageError("x"), DataError("x"), PermissionError("x")])
def test_errors_that_say_what_to_do_pass_through_unchanged(tmp_path, error):
    with pytest.raises(type(error)) as caught, restoring(tmp_path):
        raise error
    assert caught.value is error


def test_the_systems_own_word_is_found_behind_an_error_of_torch(tmp_path):
    with pytest.raises(DataError, match=r"\(Read-only file system\)"), saving(tmp_path):
        try:
            raise OSError(errno.EROFS, "Read-only file system")
        except OSError as error:
            raise RuntimeError(
                "[enforce fail at inline_container.cc] . PytorchStreamWriter failed"
            ) from error


def test_slices_are_told_apart_by_their_order_and_by_the_list_they_are_in():
    distinct = [(["a", "b"], []), (["b", "a"], []), (["a"], ["b"]), ([], ["a", "b"]), (["ab"], [])]
    assert len({fingerprint(*lists) for lists in distinct}) == len(distinct)
