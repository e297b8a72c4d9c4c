"""One small network, exported once for a file of tests, which takes half a minute: they are slow."""

import pytest
import torch

from cipa.models.cipa import CIPA
from cipa.models.config import CIPAConfig
from cipa.models.exported.files import export_model


def small_network(**changes):
    """Every kind of layer but the fusion's, which the slow tests have: to trace 300 nodes takes seconds."""
    config = CIPAConfig.of_variant(
        "nano",
        image_size=128,
        dim=4,
        depths=(1, 1, 1, 1),
        crm=False,
        dcim=False,
        threshold=0.3,
        smallest_ml=0.2,
        **changes,
    )
    torch.manual_seed(3)
    return CIPA(config).eval()


@pytest.fixture(scope="module")
def network():
    return small_network()


@pytest.fixture(scope="module")
def program_file(network, tmp_path_factory):
    path = tmp_path_factory.mktemp("exported") / "network.pt2"
    export_model(network, path)
    return path
