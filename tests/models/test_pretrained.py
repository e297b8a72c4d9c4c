import json

import pytest
import torch

import cipa
from cipa.errors import DataError


def test_a_saved_network_comes_back_with_its_settings(tmp_path):
    model = cipa.create_model("nano", image_size=128, ct_window=(-1000.0, 400.0), suv_max=12.0, threshold=0.4)
    model.save_pretrained(tmp_path / "saved")
    again = cipa.CIPA.from_pretrained(tmp_path / "saved")
    assert again.config == model.config
    state = again.state_dict()
    assert all(torch.equal(tensor, state[name]) for name, tensor in model.state_dict().items())


def test_a_saved_folder_holds_config_weights_and_card(tmp_path, nano):
    nano.save_pretrained(tmp_path / "deep" / "saved")
    assert sorted(p.name for p in (tmp_path / "deep" / "saved").iterdir()) == [
        "README.md",
        "config.json",
        "model.safetensors",
    ]
    assert json.loads((tmp_path / "deep" / "saved" / "config.json").read_text())["suv_max"] == 20.0
    assert "not a medical device" in (tmp_path / "deep" / "saved" / "README.md").read_text()


def test_saved_files_can_be_read_by_whoever_may_read_the_folder(tmp_path, nano):
    nano.save_pretrained(tmp_path / "saved")
    (tmp_path / "ordinary").touch()
    modes = {file.stat().st_mode for file in (tmp_path / "saved").iterdir()}
    assert modes == {(tmp_path / "ordinary").stat().st_mode}


def test_an_earlier_model_is_replaced(tmp_path, nano):
    nano.save_pretrained(tmp_path / "saved")
    cipa.create_model("nano", crm=False, image_size=256).save_pretrained(tmp_path / "saved")
    assert cipa.load_model(tmp_path / "saved").config.image_size == 256


def test_a_folder_with_other_files_is_left_alone(tmp_path, nano):
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(DataError, match=r"holds other files \(thesis.tex"):
        nano.save_pretrained(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_failed_save_leaves_the_earlier_model_whole(tmp_path, nano, monkeypatch):
    def full_disk(tensors, filename, metadata):
        filename.write_bytes(b"half")
        raise OSError(28, "No space left on device", str(filename))

    nano.save_pretrained(tmp_path / "saved")
    monkeypatch.setattr("cipa.models.checkpoints.folder.save_file", full_disk)
    with pytest.raises(OSError, match="No space left"):
        nano.save_pretrained(tmp_path / "saved")
    assert [p.name for p in tmp_path.iterdir()] == ["saved"]
    assert cipa.load_model(tmp_path / "saved").config == nano.config


def test_a_folder_that_is_not_there_is_one_line(tmp_path):
    with pytest.raises(DataError, match="no such folder here") as caught:
        cipa.CIPA.from_pretrained(str(tmp_path / "nowhere"))
    assert "\n" not in str(caught.value)
