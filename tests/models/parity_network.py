"""The golden outputs of the published code, and networks with the weights they were made with."""

from pathlib import Path

import numpy as np
import torch
from tests.models.parity_fill import fill_all

import cipa
from cipa.models.checkpoints.names import to_ours

PARITY = Path(__file__).with_name("parity")


def read_golden(variant):
    """Return the arrays of a variant's golden file, and under "published" the names and shapes."""
    arrays = dict(np.load(PARITY / f"{variant}_seed7.npz"))
    shapes = (tuple(int(side) for side in text.split(",") if side) for text in arrays.pop("shapes").tolist())
    return arrays | {"published": dict(zip(arrays.pop("names").tolist(), shapes, strict=True))}


def parity_network(variant):
    """Return a network with the parity weights, to evaluate, and its golden arrays."""
    arrays = read_golden(variant)
    model = cipa.create_model(variant)
    shapes = {name: tensor.shape for name, tensor in model.state_dict().items()}
    model.load_state_dict(
        {
            to_ours(name): torch.from_numpy(array).reshape(shapes[to_ours(name)])
            for name, array in fill_all(arrays["published"]).items()
        }
    )
    return model.eval(), arrays
