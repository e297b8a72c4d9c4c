"""What a run writes: tables, state, folder."""

import pytest
import torch

from cipa.errors import DataError, UsageError
from cipa.training.log_file import LogFile
from cipa.training.run_folder import RunFolder
from cipa.training.state import fingerprint, load_state, save_state


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
    save_state(
        tmp_path / "a/state.pt", {"model": {"w": torch.arange(3)}, "position": {"step": 3}, "scaler": None}
    )
    state = load_state(tmp_path / "a/state.pt")
    assert torch.equal(state["model"]["w"], torch.arange(3))

    torch.save({"evil": UsageError("x")}, tmp_path / "evil.pt")
    with pytest.raises(DataError, match=r"evil\.pt is damaged"):
        load_state(tmp_path / "evil.pt")


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
