"""MONAI's networks by name, and the sizes they have here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cipa.models.config import MOST_WIDTH, NetworkConfig, require, require_within

SWIN_LEVELS = 6
MOST_LEVELS = 10
"""More than halve the largest image to a pixel."""
LARGEST_WIDTH = 512
"""nnU-Net's cap on the channels of a 2-D network."""
SMALLEST_MAP = 4
"""nnU-Net halves a map while its side stays at least this."""


@dataclass(frozen=True, kw_only=True)
class BaselineConfig(NetworkConfig):
    """A convolutional or transformer U-shape that takes CT and PET as two channels.

    Attributes:
        width: channels at the finest resolution.
        levels: resolutions, each half the one before.
    """

    width: int
    levels: int

    def __post_init__(self) -> None:
        super().__post_init__()
        require_within("width", self.width, 1, MOST_WIDTH)
        require_within("levels", self.levels, 3, MOST_LEVELS)
        if self.variant == "swin-unetr":
            require(self.width % 12 == 0, f"width {self.width}: swin-unetr takes multiples of 12")
            require(self.levels == SWIN_LEVELS, f"levels {self.levels}: swin-unetr has {SWIN_LEVELS}")
        smallest = 2 ** (self.levels - 1)
        require(
            self.image_size % smallest == 0 and self.image_size >= 2 * smallest,
            f"image_size {self.image_size}: too small for {self.levels} levels, or no multiple of {smallest}",
        )

    @property
    def channels(self) -> tuple[int, ...]:
        """Channels of each resolution, the finest first: doubling, in dynunet up to nnU-Net's 512."""
        cap = LARGEST_WIDTH if self.variant == "dynunet" else self.width * 2**self.levels
        return tuple(min(self.width * 2**level, cap) for level in range(self.levels))

    @classmethod
    def variants(cls, image_size: int = 512) -> Mapping[str, Mapping[str, Any]]:
        """Return the networks' names and sizes.

        unet and attention-unet have the widths of Ronneberger et al. (2015) and Oktay et al. (2018),
        dynunet the depth and widths that nnU-Net (Isensee et al., 2021) plans for slices of this size,
        swin-unetr the width of Hatamizadeh et al. (2022).
        """
        return {
            "unet": {"width": 64, "levels": 5},
            "attention-unet": {"width": 64, "levels": 5},
            "dynunet": {"width": 32, "levels": planned_levels(image_size)},
            "swin-unetr": {"width": 48, "levels": SWIN_LEVELS},
        }


def planned_levels(image_size: int) -> int:
    """Return the resolutions nnU-Net plans for: halved while even and the smaller side is at least 4."""
    levels, side = 1, image_size
    while side % 2 == 0 and side // 2 >= SMALLEST_MAP:
        levels, side = levels + 1, side // 2
    return levels
