from types import SimpleNamespace

import pytest
import torch
from torch import nn

from cipa.io.volume import Volume


class UptakeThreshold(nn.Module):
    """A network whose answer is known: tumour where PET is brighter than grey 127 and CT than grey 100."""

    def __init__(self, size=32, **config):
        super().__init__()
        windows = {"ct_window": (-1200.0, 200.0), "suv_max": 20.0}
        defaults = {"image_size": size, "num_classes": 1, "threshold": 0.5, **windows}
        self.config = SimpleNamespace(**(defaults | config))
        self.scale = nn.Parameter(torch.tensor(100.0))
        self.seen = []

    def forward(self, ct, pet):
        assert ct.dtype == pet.dtype == torch.float32
        assert not torch.is_grad_enabled()
        assert not self.training
        self.seen.append((ct, pet))
        bright = (pet / 3.2 + 0.5) * 255 - 127.5
        dense = (ct / 3.2 + 0.5) * 255 - 100.5
        return torch.minimum(bright, dense) * self.scale


@pytest.fixture
def network():
    return UptakeThreshold


@pytest.fixture
def make_volume():
    """Volume of a function of world coordinates: float32 values at the centre of every voxel."""
    import nibabel
    import numpy as np

    def make(function, affine, shape, name="volume"):
        points = nibabel.affines.apply_affine(affine, np.moveaxis(np.indices(shape), 0, -1))
        return Volume(function(points).astype(np.float32), np.asarray(affine, dtype=float), None, name)

    return make
