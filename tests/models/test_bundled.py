import re

import torch
from safetensors.torch import load_file

from cipa import load_model
from cipa.models.bundled import CARD_NAME, bundled_weights


def test_the_weights_load_as_any_others_do():
    model = load_model(bundled_weights())
    assert model.config.variant == "nano"
    assert all(parameter.dtype == torch.float32 for parameter in model.parameters())
    with torch.inference_mode():
        image = torch.full((1, 1, model.config.image_size, model.config.image_size), -1.6)
        assert torch.isfinite(model(image, image)).all()


def test_they_are_small_and_stored_in_half_precision():
    path = bundled_weights() / "model.safetensors"
    assert path.stat().st_size <= 4e6
    kinds = {tensor.dtype for tensor in load_file(path).values()}
    assert kinds <= {torch.float16, torch.int64}


def test_the_card_says_what_they_are_and_that_people_were_never_seen():
    card = " ".join((bundled_weights() / CARD_NAME).read_text(encoding="utf-8").split())
    for words in ("not a medical device", "No person's image was used", "## Limits", "lesion F1"):
        assert words in card
    parameters = sum(parameter.numel() for parameter in load_model(bundled_weights()).parameters())
    assert f"{parameters:,} parameters" in card
    threshold = re.search(r"The threshold, ([\d.]+),", card)
    assert threshold
    assert float(threshold[1]) == load_model(bundled_weights()).config.threshold
