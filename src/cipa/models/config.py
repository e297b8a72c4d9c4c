"""What a CIPA network is made of: its variants, and the settings its weights were trained with."""

from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple, Self

from cipa.data.modalities import INPUTS
from cipa.errors import UsageError

IMAGE_SIZE_STEP = 128
"""Image sides are multiples of this: patches of 4, halved three times, cut into windows of 4 pixels."""


class Variant(NamedTuple):
    """Sizes that share a name.

    Attributes:
        dim: channels of the first stage, C_i = dim * 2^i.
        depths: encoder blocks of the four stages.
        drop_path: rate at which the encoder's last block drops its residual; grows linearly to it from 0.
        crm_width: width the CRM projects each channel's map to.
    """

    dim: int
    depths: tuple[int, int, int, int]
    drop_path: float
    crm_width: int = 96


VARIANTS = {
    "tiny": Variant(96, (2, 2, 9, 2), 0.0),
    "small": Variant(96, (2, 2, 27, 2), 0.3),
    "base": Variant(128, (2, 2, 27, 2), 0.6),
    "nano": Variant(16, (1, 1, 2, 1), 0.0, crm_width=16),
}
"""tiny, small and base are the published ones; nano is this project's, for CPUs and tests."""


@dataclass(frozen=True)
class CIPAConfig:
    """Everything needed to rebuild a network and to feed it what it was trained on.

    Attributes:
        variant: name in `VARIANTS`.
        dim: channels of the first stage.
        depths: encoder blocks of the four stages.
        drop_path: largest drop rate of the encoder's residual branches, 0 to 1.
        crm: whether the channel-wise rectification module is there.
        dcim: whether the dynamic cross-modality interaction module is there.
        crm_width: width the CRM projects each channel's map to.
        num_classes: channels of the logits.
        image_size: side of the square images in pixels, a multiple of 128; the CRM is sized for it.
        ct_window: Hounsfield units that become black and white.
        suv_max: standardised uptake value that becomes white.
        inputs: what the network was trained on: ct+pet, or ct or pet alone, the other one black.
        modality_dropout: how often training left out CT or PET, 0 to 1; above 0 it takes either alone.
        threshold: probability from which a pixel is tumour, between 0 and 1.

    Raises:
        UsageError: a value out of its range.
    """

    variant: str
    dim: int
    depths: tuple[int, ...]
    drop_path: float = 0.0
    crm: bool = True
    dcim: bool = True
    crm_width: int = 96
    num_classes: int = 1
    image_size: int = 512
    ct_window: tuple[float, float] = (-1200.0, 200.0)
    suv_max: float = 20.0
    inputs: str = "ct+pet"
    modality_dropout: float = 0.0
    threshold: float = 0.5

    def __post_init__(self) -> None:
        _require(self.variant in VARIANTS, f"variant '{self.variant}': must be one of {', '.join(VARIANTS)}")
        _require(
            self.image_size > 0 and self.image_size % IMAGE_SIZE_STEP == 0,
            f"image_size {self.image_size}: must be a multiple of {IMAGE_SIZE_STEP}, such as 512",
        )
        _require(len(self.depths) == 4, f"depths {self.depths}: must be the block counts of 4 stages")
        _require(self.num_classes > 0, f"num_classes {self.num_classes}: must be 1 or more")
        _require(0 <= self.drop_path < 1, f"drop_path {self.drop_path}: must be at least 0 and below 1")
        _require(0 < self.threshold < 1, f"threshold {self.threshold}: must lie between 0 and 1")
        _require(self.inputs in INPUTS, f"inputs '{self.inputs}': must be one of {', '.join(INPUTS)}")
        _require(
            0 <= self.modality_dropout <= 1,
            f"modality_dropout {self.modality_dropout}: must be a probability, 0 to 1",
        )
        _require(self.suv_max > 0, f"suv_max {self.suv_max}: must be above 0")
        low, high = self.ct_window
        _require(low < high, f"ct_window {self.ct_window}: the first value must be below the second")

    @classmethod
    def of_variant(cls, variant: str, **changes: Any) -> Self:
        """Return the configuration of a named variant.

        Args:
            variant: name in `VARIANTS`.
            changes: values of other fields, by name.

        Raises:
            UsageError: an unknown variant or field, or a value out of its range.
        """
        _require(variant in VARIANTS, f"variant '{variant}': must be one of {', '.join(VARIANTS)}")
        names = {field.name for field in fields(cls)}
        for name in changes:
            _require(
                name in names, f"'{name}' is no setting of a network: known are {', '.join(sorted(names))}"
            )
        return cls(**{"variant": variant, **VARIANTS[variant]._asdict(), **changes})

    def replaced(self, **changes: Any) -> Self:
        """Return a copy with some fields changed.

        Raises:
            UsageError: a value out of its range.
        """
        return replace(self, **changes)

    @property
    def widths(self) -> tuple[int, int, int, int]:
        """Channels of the four stages."""
        return self.dim, self.dim * 2, self.dim * 4, self.dim * 8

    @property
    def grids(self) -> tuple[int, int, int, int]:
        """Sides of the four stages' feature maps in pixels, for images of `image_size`."""
        side = self.image_size // 4
        return side, side // 2, side // 4, side // 8


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise UsageError(message)
