"""Networks and files the tests of models share."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

import cipa
from cipa.models.checkpoints.names import to_ours, to_published

PARITY = Path(__file__).with_name("parity")


@pytest.fixture(scope="session")
def parity_fill():
    """The module that rebuilds the weights and inputs of the golden outputs."""
    spec = importlib.util.spec_from_file_location("parity_fill", Path(__file__).with_name("parity_fill.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def golden():
    """A function: variant -> arrays of its golden file, and under "published" the names and shapes."""

    def read(variant):
        arrays = dict(np.load(PARITY / f"{variant}_seed7.npz"))
        shapes = (
            tuple(int(side) for side in text.split(",") if side) for text in arrays.pop("shapes").tolist()
        )
        return arrays | {"published": dict(zip(arrays.pop("names").tolist(), shapes, strict=True))}

    return read


@pytest.fixture(scope="session")
def parity_model(golden, parity_fill):
    """A function: variant -> (network with the parity weights, golden arrays)."""

    def build(variant):
        arrays = golden(variant)
        model = cipa.create_model(variant)
        shapes = {name: tensor.shape for name, tensor in model.state_dict().items()}
        filled = parity_fill.fill_all(arrays["published"])
        model.load_state_dict(
            {
                to_ours(name): torch.from_numpy(array).reshape(shapes[to_ours(name)])
                for name, array in filled.items()
            }
        )
        return model.eval(), arrays

    return build


@pytest.fixture
def nano():
    """A network of 128 x 128 images with random weights that differ from their initial values."""
    torch.manual_seed(0)
    return jitter(cipa.create_model("nano", image_size=128)).eval()


@pytest.fixture
def sigma_nano():
    """Sigma at its smallest, like `nano`."""
    torch.manual_seed(0)
    return jitter(cipa.create_model("sigma-nano", image_size=128)).eval()


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
