"""Networks the tests of models share."""

import copy
from functools import cache

import pytest
import torch

import cipa
from cipa.models.checkpoints.names import to_published


@pytest.fixture(scope="session")
def networks():
    """A function: name of a variant -> that network, drawn once and copied."""

    @cache
    def draw(name):
        torch.manual_seed(0)
        return jitter(cipa.create_model(name, image_size=128)).eval()

    return lambda name: copy.deepcopy(draw(name))


@pytest.fixture
def nano(networks):
    """A network of 128 x 128 images with random weights that differ from their initial values."""
    return networks("nano")


@pytest.fixture
def sigma_nano(networks):
    """Sigma at its smallest, like `nano`."""
    return networks("sigma-nano")


@pytest.fixture
def publish():
    """A function: network -> its state dict as the published code would name and shape it."""

    def to_state(model):
        state = {}
        for name, tensor in model.state_dict().items():
            if "ct_scan." in name or "pet_scan." in name:
                tensor = tensor.squeeze(0)
            elif name.endswith((".A_logs", ".Ds")):
                tensor = tensor.flatten(0, 1)
            state[to_published(name)] = tensor.clone()
        return state

    return to_state


def jitter(model):
    """Move every floating tensor a little, so that no two are equal and none is at its initial value."""
    with torch.no_grad():
        for tensor in model.state_dict().values():
            if tensor.is_floating_point():
                tensor.add_(0.02 * torch.randn_like(tensor))
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_var.abs_()
    return model
