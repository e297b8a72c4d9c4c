"""What a run writes: tables, state, folder."""

import math
from dataclasses import asdict

import pytest
import torch

from cipa.errors import DataError, UsageError
from cipa.training.log_file import LogFile
from cipa.training.run_folder import RunFolder
from cipa.training.state import Position, fingerprint, load_state, save_state

STATE = {
    "position": asdict(Position(step=3)),
    "model": {"w": torch.arange(3)},
    "optimizer": {"state": {}, "param_groups": []},
    "average": None,
    "scaler": None,
    "data": "abc",
    "processes": 1,
}


def test_a_table_goes_on_from_a_step_and_forgets_later_and_broken_rows(tmp_path):
    path = tmp_path / "metrics.csv"
    table = LogFile(path, ("step", "loss"))
    for step in (1, 2, 3):
        table.add(step=step, loss=step / 3)
    table.close()
    with path.open("a") as file:
        file.write("4")

    table = LogFile(path, ("step", "loss"), keep_to_step=2)
    table.add(step=3, loss=float("nan"))
    table.close()
    assert path.read_text().split() == ["step,loss", "1,0.333333333", "2,0.666666667", "3,"]


def test_a_table_keeps_every_float32_exactly(tmp_path):
    table = LogFile(tmp_path / "t.csv", ("step", "loss"))
    loss = torch.tensor(0.1).div(3).item()
    table.add(step=1, loss=loss)
    table.close()
    written = float((tmp_path / "t.csv").read_text().split(",")[-1])
    assert torch.tensor(written) == torch.tensor(loss)


def test_a_state_comes_back_and_no_code_is_run(tmp_path):
    save_state(tmp_path / "a/state.pt", STATE)
    state = load_state(tmp_path / "a/state.pt")
    assert torch.equal(state["model"]["w"], torch.arange(3))

    torch.save({"evil": UsageError("x")}, tmp_path / "evil.pt")
    with pytest.raises(DataError, match=r"evil\.pt is damaged"):
        load_state(tmp_path / "evil.pt")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"position": None}, "its position is missing or of another type"),
        ({"position": asdict(Position()) | {"step": -1}}, "values that cannot be"),
        ({"position": asdict(Position()) | {"step": "3"}}, "values that cannot be"),
        ({"position": asdict(Position()) | {"seconds": math.inf}}, "values that cannot be"),
        ({"position": {"step": 3}}, "other fields"),
        ({"model": {"w": 3}}, "no tensor"),
        ({"model": [1]}, "its model is missing"),
        ({"data": 3}, "its data is missing"),
    ],
)
def test_a_state_that_is_none_is_one_line(tmp_path, changes, said):
    save_state(tmp_path / "state.pt", STATE | changes)
    with pytest.raises(DataError, match=said) as caught:
        load_state(tmp_path / "state.pt")
    assert str(caught.value).startswith(f"{tmp_path / 'state.pt'} is damaged and cannot be resumed from")


def test_a_state_without_a_part_or_of_another_kind_is_one_line(tmp_path):
    save_state(tmp_path / "state.pt", {key: value for key, value in STATE.items() if key != "optimizer"})
    with pytest.raises(DataError, match="its optimizer is missing"):
        load_state(tmp_path / "state.pt")
    torch.save([1], tmp_path / "state.pt")
    with pytest.raises(DataError, match="holds a list"):
        load_state(tmp_path / "state.pt")


def test_a_flipped_bit_of_a_state_is_noticed(tmp_path):
    save_state(tmp_path / "state.pt", STATE | {"model": {"w": torch.ones(1000)}})
    content = bytearray((tmp_path / "state.pt").read_bytes())
    content[content.index(torch.ones(4).numpy().tobytes()) + 400] ^= 1
    (tmp_path / "state.pt").write_bytes(content)
    with pytest.raises(DataError, match="damaged"):
        load_state(tmp_path / "state.pt")


def test_rows_of_a_validation_that_will_be_done_again_are_dropped_and_none_is_doubled(tmp_path):
    path = tmp_path / "validation.csv"
    path.write_text("step,loss\n3,1\n6,0.5\n6,0.5\n9,0.2\n")
    LogFile(path, ("step", "loss"), keep_to_step=6).close()
    assert path.read_text().split() == ["step,loss", "3,1", "6,0.5"]


@pytest.mark.parametrize("content", [b"\xff\xfe", b"step,loss\n" + b"x" * 200_000 + b",1\n"])
def test_a_log_that_is_no_table_is_one_line(tmp_path, content):
    (tmp_path / "metrics.csv").write_bytes(content)
    with pytest.raises(DataError, match=r"metrics\.csv: not a"):
        LogFile(tmp_path / "metrics.csv", ("step", "loss"))


def test_the_fingerprint_knows_order_and_which_set_a_slice_is_in():
    prints = {fingerprint(*sets) for sets in ((["a", "b"], ["c"]), (["b", "a"], ["c"]), (["a"], ["b", "c"]))}
    assert len(prints) == 3


def test_a_folder_that_holds_something_is_no_new_run(tmp_path):
    RunFolder(tmp_path / "absent").check_new()
    RunFolder(tmp_path).check_new()
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(UsageError, match="not empty: add --resume"):
        RunFolder(tmp_path).check_new()
    with pytest.raises(UsageError, match="is a file"):
        RunFolder(tmp_path / "thesis.tex").check_new()
    with pytest.raises(UsageError, match="no run to resume"):
        RunFolder(tmp_path).check_begun()


def test_weights_caught_between_two_renames_are_found_again(tmp_path):
    old, new = tmp_path / ".partial-abc-best-old", tmp_path / ".partial-abc-best"
    for folder in (old, new):
        folder.mkdir()
        (folder / "which").write_text(folder.name)
    RunFolder(tmp_path).clear_remains()
    assert [path.name for path in tmp_path.iterdir()] == ["best"]
    assert (tmp_path / "best/which").read_text() == old.name
