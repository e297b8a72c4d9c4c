"""Networks whose answer is known beforehand, in place of trained ones."""

from types import SimpleNamespace

from torch import nn

WINDOWS = {"ct_window": (-1200.0, 200.0), "suv_max": 20.0}


class BrightPet(nn.Module):
    """Tumour where PET is brighter than half; for studies."""

    def __init__(self, image_size=32):
        super().__init__()
        self.config = SimpleNamespace(image_size=image_size, num_classes=1, threshold=0.5, **WINDOWS)

    def forward(self, ct, pet):
        return pet * 100


class HotSpots(nn.Module):
    """Tumour where PET is brighter than half, with a margin for uncertainty; for slices of a data set."""

    def __init__(self, image_size=128):
        super().__init__()
        self.config = SimpleNamespace(
            variant="nano", crm=True, dcim=True, num_classes=1, image_size=image_size, threshold=0.5
        )

    def forward(self, ct, pet):
        return pet * 20
