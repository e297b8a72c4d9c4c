from pathlib import Path

import pytest
import torch

import cipa
from cipa.errors import DataError
from cipa.models.checkpoints.infer import infer_config

FILE = Path("weights.pth")


def tensors_of(variant, **settings):
    with torch.device("meta"):
        model = cipa.create_model(variant, **settings)
    return model.config, model.state_dict()


@pytest.mark.parametrize("variant", ["tiny", "small", "base", "nano", "sigma-tiny", "sigma-nano"])
def test_variants_are_told_apart(variant):
    config, tensors = tensors_of(variant)
    assert infer_config(tensors, FILE) == config


@pytest.mark.parametrize("crm", [True, False])
@pytest.mark.parametrize("dcim", [True, False])
def test_ablations_are_told_apart(crm, dcim):
    config, tensors = tensors_of("tiny", crm=crm, dcim=dcim)
    assert infer_config(tensors, FILE) == config


@pytest.mark.parametrize(
    "settings", [{"image_size": 256}, {"image_size": 640}, {"num_classes": 4}, {"crm_width": 32}]
)
def test_sizes_are_read_off(settings):
    config, tensors = tensors_of("nano", **settings)
    assert infer_config(tensors, FILE) == config


def test_a_missing_block_does_not_make_another_variant():
    config, tensors = tensors_of("tiny")
    rest = {name: tensor for name, tensor in tensors.items() if ".stages.2.blocks.4." not in name}
    assert infer_config(rest, FILE) == config


def test_tensors_of_another_network_are_refused():
    with pytest.raises(DataError, match=r"weights.pth holds no CIPA network: .*patch_embed"):
        infer_config({"conv1.weight": torch.zeros(3)}, FILE)


def test_an_encoder_of_no_variant_is_described():
    _, tensors = tensors_of("tiny")
    rest = {name: tensor for name, tensor in tensors.items() if ".stages.2.blocks.8." not in name}
    with pytest.raises(DataError, match=r"dim 96 and depths \(2, 2, 8, 2\)"):
        infer_config(rest, FILE)


def test_a_map_that_is_no_square_is_named():
    _, tensors = tensors_of("nano")
    tensors["crm.1.map_norm.weight"] = torch.zeros(4095)
    with pytest.raises(DataError, match=r"crm\.1\.map_norm\.weight has 4095 values"):
        infer_config(tensors, FILE)
