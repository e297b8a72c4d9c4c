import argparse
import os
import pickle
import sys
import types
import zipfile

import pytest
import torch

from cipa.errors import DataError
from cipa.models.checkpoints.torch_file import read_torch_file

STATE = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.num_batches_tracked": torch.tensor(3)}


def refusal(path):
    with pytest.raises(DataError) as caught:
        read_torch_file(path)
    message = str(caught.value)
    assert message.startswith(str(path))
    assert "\n" not in message
    return message


def test_a_bare_state_dict_is_read(tmp_path):
    torch.save(STATE, tmp_path / "bare.pth")
    state = read_torch_file(tmp_path / "bare.pth")
    assert list(state) == list(STATE)
    assert all(torch.equal(state[name], STATE[name]) for name in STATE)


def test_a_training_checkpoint_with_its_arguments_is_read(tmp_path):
    network = torch.nn.Linear(3, 2)
    checkpoint = {
        "model": network.state_dict(),
        "optimizer": torch.optim.AdamW(network.parameters()).state_dict(),
        "epoch": 12,
        "args": argparse.Namespace(lr=6e-5, img_size=[512, 512], data=None),
        "scaler": {"scale": 65536.0},
    }
    torch.save(checkpoint, tmp_path / "CIPA.pth")
    assert torch.equal(read_torch_file(tmp_path / "CIPA.pth")["weight"], network.weight)


def test_settings_kept_as_a_yacs_node_do_not_bar_the_weights(tmp_path, monkeypatch):
    class CfgNode(dict):
        def __init__(self, values):
            super().__init__(values)
            self.__dict__["__immutable__"] = False

    module = types.ModuleType("yacs.config")
    CfgNode.__module__, CfgNode.__qualname__, module.CfgNode = "yacs.config", "CfgNode", CfgNode
    monkeypatch.setitem(sys.modules, "yacs", types.ModuleType("yacs"))
    monkeypatch.setitem(sys.modules, "yacs.config", module)
    config = CfgNode({"MODEL": CfgNode({"DROP_PATH_RATE": 0.1}), "DATA": [224]})
    torch.save({"model": {"a": torch.ones(2)}, "config": config}, tmp_path / "vssm.pth")
    monkeypatch.undo()  # yacs is not there when the file is read
    assert torch.equal(read_torch_file(tmp_path / "vssm.pth")["a"], torch.ones(2))


def test_the_format_from_before_pytorch_1_6_is_read(tmp_path):
    torch.save(STATE, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    assert torch.equal(read_torch_file(tmp_path / "old.pth")["a.weight"], STATE["a.weight"])


class Attack:
    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return os.mkdir, (str(self.marker),)


def test_code_in_a_file_is_named_and_not_run(tmp_path):
    torch.save({"model": STATE, "extra": Attack(tmp_path / "ran")}, tmp_path / "evil.pth")
    assert "mkdir, which could run code" in refusal(tmp_path / "evil.pth")
    assert not (tmp_path / "ran").exists()


def test_a_plain_pickle_with_code_is_not_run(tmp_path):
    (tmp_path / "evil.pth").write_bytes(pickle.dumps(Attack(tmp_path / "ran"), protocol=2))
    refusal(tmp_path / "evil.pth")
    assert not (tmp_path / "ran").exists()


def test_reading_leaves_no_class_allowed_behind(tmp_path):
    torch.save(STATE, tmp_path / "bare.pth")
    before = set(torch.serialization.get_safe_globals())
    read_torch_file(tmp_path / "bare.pth")
    assert set(torch.serialization.get_safe_globals()) == before


def test_a_missing_file_is_named(tmp_path):
    assert "no such file" in refusal(tmp_path / "none.pth")


def test_a_git_lfs_pointer_is_named_as_such(tmp_path):
    (tmp_path / "CIPA.pth").write_text(
        "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 656000000\n"
    )
    assert "Git-LFS pointer" in refusal(tmp_path / "CIPA.pth")


def test_an_empty_file_is_named_as_such(tmp_path):
    (tmp_path / "CIPA.pth").touch()
    assert "is empty" in refusal(tmp_path / "CIPA.pth")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
def test_a_truncated_file_is_named_as_such(tmp_path, share):
    torch.save({"weight": torch.zeros(10_000)}, tmp_path / "CIPA.pth")
    content = (tmp_path / "CIPA.pth").read_bytes()
    (tmp_path / "CIPA.pth").write_bytes(content[: int(len(content) * share)])
    assert "is truncated" in refusal(tmp_path / "CIPA.pth")


@pytest.mark.parametrize("content", [b"not a checkpoint at all", b"\x80\x02}q\x00(X", bytes(range(256))])
def test_a_file_of_another_kind_is_named_as_such(tmp_path, content):
    (tmp_path / "CIPA.pth").write_bytes(content)
    assert "damaged or no PyTorch file" in refusal(tmp_path / "CIPA.pth")


def test_another_zip_is_named_as_such(tmp_path):
    with zipfile.ZipFile(tmp_path / "CIPA.pth", "w") as archive:
        archive.writestr("readme.txt", "hello")
    assert "damaged or no PyTorch file" in refusal(tmp_path / "CIPA.pth")


@pytest.mark.parametrize(
    ("content", "found"),
    [([1, 2], "a list"), ({}, "an empty dict"), ({"epoch": 3, "theta": STATE}, "the keys epoch, theta")],
)
def test_a_file_without_weights_tells_what_it_has(tmp_path, content, found):
    torch.save(content, tmp_path / "other.pth")
    assert found in refusal(tmp_path / "other.pth")
