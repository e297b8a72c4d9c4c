import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from cipa import load_model
from cipa.errors import DataError
from cipa.models.bundled import CARD_NAME, bundled_weights


def test_the_weights_load_as_any_others_do():
    model = load_model(bundled_weights())
    assert model.config.variant == "nano"
    assert all(parameter.dtype == torch.float32 for parameter in model.parameters())
    with torch.inference_mode():
        image = torch.full((1, model.config.slices, model.config.image_size, model.config.image_size), -1.6)
        assert torch.isfinite(model(image, image)).all()


def test_they_are_small_and_stored_in_half_precision():
    path = bundled_weights() / "model.safetensors"
    assert path.stat().st_size <= 16e6
    kinds = {tensor.dtype for tensor in load_file(path).values()}
    assert kinds <= {torch.float16, torch.int64}


def test_the_card_says_what_they_are_whom_they_saw_and_what_they_are_not_for():
    card = " ".join((bundled_weights() / CARD_NAME).read_text(encoding="utf-8").split())
    for words in ("not a medical device", "## Not to be used for", "## Limits", "lesion F1", "acrin042"):
        assert words in card
    for source in (card, (Path(__file__).parents[2] / "NOTICE").read_text(encoding="utf-8")):
        assert "10.7937/K9/TCIA.2015.7GO2GSKS" in source
        assert "CC BY 3.0" in source
    parameters = sum(parameter.numel() for parameter in load_model(bundled_weights()).parameters())
    assert f"{parameters:,} parameters" in card
    stated = re.search(r"The threshold, ([\d.]+), and the smallest lesion that is kept, ([\d.]+) mL", card)
    assert stated
    config = load_model(bundled_weights()).config
    assert (float(stated[1]), float(stated[2])) == (config.threshold, config.smallest_ml)


def test_an_installation_without_them_says_how_to_get_them(monkeypatch, tmp_path):
    monkeypatch.setattr("cipa.models.bundled.__file__", str(tmp_path / "__init__.py"))
    with pytest.raises(DataError, match=r"the weights of the package are not there; install it again"):
        bundled_weights()
