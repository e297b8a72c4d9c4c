"""What a run is made of: the network, where its slices come from, how they are varied, how long it learns."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Variation:
    """How samples are varied. Probabilities are of a sample, ranges are uniform.

    Attributes:
        mirror: probability that left and right, and head and feet, are exchanged.
        affine: probability of a turn, a scale and an aspect other than the patient's own.
        turn: largest turn, degrees.
        scale: largest factor, as its logarithm to both sides.
        aspect: largest difference of the axes' scales.
        shift: largest shift of the field on the image, share of its side.
        upside_down: probability of front and back exchanged, as of a patient who lies prone.
        crop: probability that a field is cut closer than the patient's own.
        misalign: probability that CT is moved against PET and truth, by up to `misalign_mm` and 5 degrees.
        noise: probability of noise on CT, and of noise on PET.
        blur: probability of blur on CT, and of blur on PET.
        pet_gain: spread of the logarithm of a factor on PET.
        pet_gamma: spread of the logarithm of an exponent on PET.
        window: spread of the CT window's ends, HU.
        dropout: probability that one modality is black.
        pet_share: of these, how many lack PET.
        cold: probability that a patient's tumour takes up little more than its surroundings.
        transplant: probability that a sample takes its tumour from one source, its surroundings from another.
    """

    mirror: float = 0.5
    affine: float = 0.8
    turn: float = 15.0
    scale: float = 0.25
    aspect: float = 0.08
    shift: float = 0.08
    upside_down: float = 0.15
    crop: float = 0.5
    misalign: float = 0.1
    misalign_mm: float = 5.0
    noise: float = 0.3
    blur: float = 0.2
    pet_gain: float = 0.15
    pet_gamma: float = 0.1
    window: float = 20.0
    dropout: float = 0.1
    pet_share: float = 0.5
    cold: float = 0.0
    transplant: float = 0.0


@dataclass(frozen=True)
class Recipe:
    """A run.

    Attributes:
        model: name of the network, and `settings` of its configuration.
        size: side of the image in pixels.
        pixel: millimetres a pixel.
        ct_window: HU that become black and white.
        suv_max: SUV that becomes white.
        patients: share of samples from patients; the rest are phantoms.
        lesion_free: share of samples without tumour.
        batch: samples a step.
        lr, weight_decay, warmup, final_lr, clip_norm, ema: of AdamW and its schedule; `ema` is in steps.
        pooled_dice: whether Dice is that of a whole batch.
        hard: how much more often a slice is drawn that was answered wrongly, 0 for no more often.
        start: folder of weights to go on from, below the work folder; empty for a fresh network.
        seconds: of training, or 0 for `steps`.
        steps: of training, where seconds are 0.
        seed: of every draw.
        variation: of the samples.
    """

    model: str = "tiny"
    settings: dict[str, Any] = field(default_factory=dict)
    size: int = 256
    pixel: float = 0.9765625
    ct_window: tuple[float, float] = (-160.0, 240.0)
    suv_max: float = 20.0
    patients: float = 1.0
    lesion_free: float = 0.33
    batch: int = 16
    lr: float = 5e-4
    weight_decay: float = 0.05
    warmup: float = 0.06
    final_lr: float = 0.01
    clip_norm: float = 1.0
    ema: float = 60.0
    pooled_dice: bool = True
    hard: float = 0.0
    start: str = ""
    seconds: float = 0.0
    steps: int = 0
    seed: int = 0
    variation: Variation = field(default_factory=Variation)


def recipe_from(changes: dict[str, Any]) -> Recipe:
    """Build a recipe from what differs from its defaults; `variation` holds its own changes."""
    own = dict(changes)
    variation = Variation(**own.pop("variation", {}))
    if "ct_window" in own:
        own["ct_window"] = tuple(own["ct_window"])
    return Recipe(**own, variation=variation)


STILL = Variation(
    mirror=0, affine=0, turn=0, scale=0, aspect=0, shift=0, upside_down=0, crop=0, misalign=0, transplant=0
)
"""No variation of place: how patients are scored."""
