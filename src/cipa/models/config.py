"""What a network is made of: its variant, and the settings its weights were trained with."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, NamedTuple, Self

from cipa.errors import UsageError
from cipa.modalities import BOTH, CT_WINDOW, INPUTS, PET_SCALINGS, SUV_MAX

IMAGE_SIZE_STEP = 128
"""Image sides are multiples of this: patches of 4, halved three times, cut into windows of 4 pixels."""


MIN_SUV = 1.0
"""SUVmax that any tumour with uptake reaches; lung has half of it, the couch a hundredth."""

MOST_IMAGE_SIZE, MOST_CLASSES, MOST_WIDTH, MOST_DEPTH = 2048, 256, 1024, 64
"""Side of an image, channels of the logits, channels of a first stage or of the CRM, blocks of a stage: a few
times the largest network's. A file that asks for more is damaged, or would have memory taken in vain."""

MOST_HU, MOST_SUV, MOST_ML, MOST_MM = 100_000.0, 10_000.0, 100_000.0, 10_000.0
"""Bounds of what settings of a window or of lesions can mean; infinity and NaN lie outside."""


class Variant(NamedTuple):
    """Sizes that share a name.

    Attributes:
        dim: channels of the first stage, C_i = dim * 2^i.
        depths: encoder blocks of the four stages.
        drop_path: rate at which the encoder's last block drops its residual; grows linearly to it from 0.
    """

    dim: int
    depths: tuple[int, int, int, int]
    drop_path: float


VARIANTS = {
    "tiny": Variant(96, (2, 2, 9, 2), 0.0),
    "small": Variant(96, (2, 2, 27, 2), 0.3),
    "base": Variant(128, (2, 2, 27, 2), 0.6),
    "nano": Variant(16, (1, 1, 2, 1), 0.0),
}
"""tiny, small and base are the published ones; nano is this project's, for CPUs and tests."""

SIGMA_VARIANTS = {f"sigma-{name}": VARIANTS[name] for name in ("tiny", "nano")}
"""Sigma with the encoder and decoder of the variant of that name."""

CRM_WIDTH = {"nano": 16}
"""Width the CRM projects each channel's map to, where it is not the published one."""


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """What every network knows of itself, whatever its family: enough to feed it what it was trained on.

    Attributes:
        variant: its name; no two families share one.
        num_classes: channels of the logits.
        image_size: side of the square images in pixels, a multiple of 128.
        ct_window: Hounsfield units that become black and white.
        suv_max: standardised uptake value that becomes white.
        pet_scaling: how those below become grey: `linear` or `arcsinh` (`cipa.data.intensity`).
        inputs: what the network was trained on: ct+pet, or ct or pet alone, the other one black.
        modality_dropout: how often training left out CT or PET, 0 to 1; above 0 it takes either alone.
        threshold: probability from which a pixel is tumour, between 0 and 1.
        slices: axial slices of each modality that the network sees at once: 1, or 3, z - 1 to z + 1.
        smallest_ml: volume in mL below which a lesion of a study is left out, 0 or more.
        shortest_mm: millimetres across axial slices below which a lesion of a study is left out, 0 or more.
        min_suv: SUVmax below which a lesion of a study has no uptake and is left out, 0 or more.

    Raises:
        UsageError: a value out of its range.
    """

    variant: str
    num_classes: int = 1
    image_size: int = 512
    ct_window: tuple[float, float] = CT_WINDOW
    suv_max: float = SUV_MAX
    pet_scaling: str = PET_SCALINGS[0]
    inputs: str = BOTH
    modality_dropout: float = 0.0
    slices: int = 1
    threshold: float = 0.5
    smallest_ml: float = 0.0
    shortest_mm: float = 0.0
    min_suv: float = MIN_SUV

    def __post_init__(self) -> None:
        known = self.variants()
        require(self.variant in known, f"variant '{self.variant}': must be one of {', '.join(known)}")
        require(
            0 < self.image_size <= MOST_IMAGE_SIZE and self.image_size % IMAGE_SIZE_STEP == 0,
            f"image_size {self.image_size}: must be a multiple of {IMAGE_SIZE_STEP} up to {MOST_IMAGE_SIZE}, "
            "such as 512",
        )
        require_within("num_classes", self.num_classes, 1, MOST_CLASSES)
        require(0 < self.threshold < 1, f"threshold {self.threshold}: must lie between 0 and 1")
        require_within("smallest_ml", self.smallest_ml, 0, MOST_ML)
        require_within("shortest_mm", self.shortest_mm, 0, MOST_MM)
        require_within("min_suv", self.min_suv, 0, MOST_SUV)
        require(0 < self.suv_max <= MOST_SUV, f"suv_max {self.suv_max}: must be above 0, up to {MOST_SUV:g}")
        known_scaling = self.pet_scaling in PET_SCALINGS
        require(known_scaling, f"pet_scaling '{self.pet_scaling}': must be {' or '.join(PET_SCALINGS)}")
        require(self.slices in (1, 3), f"slices {self.slices}: must be 1 or 3")
        require(self.inputs in INPUTS, f"inputs '{self.inputs}': must be one of {', '.join(INPUTS)}")
        require(
            0 <= self.modality_dropout <= 1,
            f"modality_dropout {self.modality_dropout}: must be a probability, 0 to 1",
        )
        low, high = self.ct_window
        require(
            -MOST_HU <= low < high <= MOST_HU,
            f"ct_window {self.ct_window}: the first value must be below the second, both in +-{MOST_HU:g}",
        )

    @classmethod
    def variants(cls, image_size: int = 512) -> Mapping[str, Mapping[str, Any]]:
        """Return the names of this family, each with the values of its fields.

        Args:
            image_size: side of the images in pixels; some sizes follow from it.
        """
        raise NotImplementedError

    @classmethod
    def of_variant(cls, variant: str, **changes: Any) -> Self:
        """Return the configuration of a named variant.

        Args:
            variant: one of `variants()`.
            changes: values of other fields, by name.

        Raises:
            UsageError: an unknown variant or field, or a value out of its range.
        """
        known = cls.variants(changes.get("image_size", cls.image_size))
        require(variant in known, f"variant '{variant}': must be one of {', '.join(known)}")
        names = {field.name for field in fields(cls)}
        for name in changes:
            require(
                name in names, f"'{name}' is no setting of {variant}: known are {', '.join(sorted(names))}"
            )
        return cls(**{"variant": variant, **known[variant], **changes})

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some fields changed.

        Raises:
            UsageError: a value out of its range.
        """
        return replace(self, **changes)


@dataclass(frozen=True, kw_only=True)
class VMambaConfig(NetworkConfig):
    """A network between VMamba's encoder and the Mamba decoder.

    Attributes:
        dim: channels of the first stage.
        depths: encoder blocks of the four stages.
        drop_path: largest drop rate of the encoder's residual branches, 0 to 1.
    """

    dim: int
    depths: tuple[int, ...]
    drop_path: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        require_within("dim", self.dim, 1, MOST_WIDTH)
        require(
            len(self.depths) == 4 and all(1 <= depth <= MOST_DEPTH for depth in self.depths),
            f"depths {self.depths}: must be the block counts of 4 stages, 1 to {MOST_DEPTH} each",
        )
        require(0 <= self.drop_path < 1, f"drop_path {self.drop_path}: must be at least 0 and below 1")

    @property
    def widths(self) -> tuple[int, int, int, int]:
        """Channels of the four stages."""
        return self.dim, self.dim * 2, self.dim * 4, self.dim * 8

    @property
    def grids(self) -> tuple[int, int, int, int]:
        """Sides of the four stages' feature maps in pixels, for images of `image_size`."""
        side = self.image_size // 4
        return side, side // 2, side // 4, side // 8


@dataclass(frozen=True, kw_only=True)
class CIPAConfig(VMambaConfig):
    """CIPA, whole or without a module of its fusion.

    Attributes:
        crm: whether the channel-wise rectification module is there; it is sized for `image_size`.
        dcim: whether the dynamic cross-modality interaction module is there.
        crm_width: width the CRM projects each channel's map to.
    """

    crm: bool = True
    dcim: bool = True
    crm_width: int = 96

    def __post_init__(self) -> None:
        super().__post_init__()
        require_within("crm_width", self.crm_width, 1, MOST_WIDTH)

    @classmethod
    def variants(cls, image_size: int = 512) -> Mapping[str, Mapping[str, Any]]:
        """Return CIPA's names, see `VARIANTS`."""
        return {
            name: sizes._asdict() | {"crm_width": CRM_WIDTH.get(name, cls.crm_width)}
            for name, sizes in VARIANTS.items()
        }


@dataclass(frozen=True, kw_only=True)
class SigmaConfig(VMambaConfig):
    """Sigma: nothing to choose but the sizes of encoder and decoder."""

    @classmethod
    def variants(cls, image_size: int = 512) -> Mapping[str, Mapping[str, Any]]:
        """Return Sigma's names, see `SIGMA_VARIANTS`."""
        return {name: sizes._asdict() for name, sizes in SIGMA_VARIANTS.items()}


def require(condition: bool, message: str) -> None:
    """Raise `UsageError` with `message` unless `condition` holds."""
    if not condition:
        raise UsageError(message)


def require_within(name: str, value: float, lowest: float, highest: float) -> None:
    """Raise `UsageError` unless a setting lies from `lowest` to `highest`; NaN lies nowhere."""
    require(lowest <= value <= highest, f"{name} {value}: must be {lowest:g} to {highest:g}")
