"""A training run as data: the published recipe by default; every value is a flag and a YAML key.

The fields are grouped by what they are about; names are unique across the groups, so that a flag or a YAML
key is just the field's name (`--lr`, not `--optimisation.lr`). Only `RunningRecipe` may change when a run is
resumed: its values cannot change the weights that come out.

Source of the defaults: CIPA (Mei et al., CVPR 2025, arXiv 2503.17261), the paper and its released training
code.
"""

from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

from cipa.data.augmentation_recipe import AugmentationRecipe
from cipa.data.folds import parse_fold
from cipa.errors import UsageError
from cipa.modalities import Inputs, PetScaling
from cipa.models.catalogue import CATALOGUE


def flag(name: str) -> str:
    """Return a field's option on the command line: "--image-size" of "image_size"."""
    return "--" + name.replace("_", "-")


def require(holds: bool, name: str, value: object, wanted: str) -> None:
    """Raise `UsageError` naming the flag, its value and what it must be, unless `holds`."""
    if not holds:
        given = f"--no-{flag(name)[2:]}" if value is False else f"{flag(name)} {value}"
        raise UsageError(f"{given} is not possible: it must be {wanted}")


PUBLISHED: dict[str, Any] = {
    "model": "tiny",
    "crm": True,
    "dcim": True,
    "image_size": 512,
    "slices": 1,
    "ct_window": (-1200.0, 200.0),
    "suv_max": 20.0,
    "pet_scaling": "linear",
}
"""Settings where neither the recipe, nor the weights it starts from, nor the data set says any."""


@dataclass(frozen=True)
class NetworkRecipe:
    """The network that is trained.

    Attributes:
        model: name of the network, one of `cipa models`; by default that of `weights`, else tiny.
        crm: channel-wise rectification between CT and PET, in CIPA's networks; by default there, or as
            `weights` have it.
        dcim: dynamic cross-modality interaction, likewise.
        drop_path: largest rate at which the encoder drops a residual; by default the variant's own.
        image_size: side of a slice in pixels, a multiple of 128; by default that of the data set's slices.
        init: file of VMamba's ImageNet weights for the encoder; by default the encoder starts at random.
        weights: start from these weights (a file or a folder) instead of a fresh network.
        slices: axial slices of each modality that the network sees: 1, as published, or 3, the slice between
            its neighbours as the three channels of the patch embedding; by default as `weights` have it,
            else 1.
        change_slices: let weights of 1 slice start a run of 3, or the other way round.
        ct_window: CT numbers in HU that the data set stores as grey 0 and 255; by default its
            metadata.json's, else -1200 to 200; kept with the weights, like the two that follow.
        suv_max: SUV that the data set stores as grey 255; by default its metadata.json's, else 20.
        pet_scaling: how the data set stores SUV as grey; by default as its metadata.json says, else linear.
        inputs: ct or pet alone trains, validates and predicts with the other one black; kept with weights.
        modality_dropout: probability that a training slice lacks its CT or, as often, its PET, so that the
            network takes a study that has only one of them; kept with the weights.
    """

    model: str | None = None
    crm: bool | None = None
    dcim: bool | None = None
    drop_path: float | None = None
    image_size: int | None = None
    init: str | None = None
    weights: str | None = None
    slices: Literal[1, 3] | None = None
    change_slices: bool = False
    ct_window: tuple[float, float] | None = None
    suv_max: float | None = None
    pet_scaling: PetScaling | None = None
    inputs: Inputs = "ct+pet"
    modality_dropout: float = 0.0

    def __post_init__(self) -> None:
        model = self.model or PUBLISHED["model"]
        require(model in CATALOGUE, "model", model, f"one of {', '.join(CATALOGUE)}")
        family = "CIPA" if self.weights and not self.model else CATALOGUE[model].family
        for module in ("crm", "dcim"):
            have = family == "CIPA" or getattr(self, module) is not False
            require(have, module, False, f"left alone, as {self.model} is of the family {family}")
        require(
            family != "MONAI" or not self.init, "init", self.init, f"absent for {self.model}, not a VMamba"
        )
        drop = self.drop_path
        require(
            drop is None or family != "MONAI", "drop_path", drop, f"absent for {self.model}, not a VMamba"
        )
        require(drop is None or 0 <= drop < 1, "drop_path", drop, "at least 0 and below 1")
        require(not (self.init and self.weights), "init", self.init, "absent where --weights is given")
        require(
            self.image_size is None or (self.image_size > 0 and self.image_size % 128 == 0),
            "image_size",
            self.image_size,
            "a positive multiple of 128",
        )
        window, white = self.ct_window, self.suv_max
        require(window is None or window[0] < window[1], "ct_window", window, "low, then high")
        require(white is None or white > 0, "suv_max", white, "above 0")
        dropout = self.modality_dropout
        require(0 <= dropout <= 1, "modality_dropout", dropout, "a probability, 0 to 1")
        require(
            not dropout or self.inputs == "ct+pet", "modality_dropout", dropout, "0 where one input is absent"
        )

    def with_defaults(self, **known: Any) -> "NetworkRecipe":
        """Return the recipe with open fields with_defaults from `known`, else by the published values."""
        values = PUBLISHED | known
        return replace(self, **{name: value for name, value in values.items() if getattr(self, name) is None})


@dataclass(frozen=True)
class OptimisationRecipe:
    """How the weights are optimised.

    Attributes:
        epochs: passes over the training slices that show tumour.
        batch_size: slices in one optimiser step, over all processes.
        micro_batch: slices a process has in memory at once; gradients are accumulated to batch_size, and
            batch normalisation sees micro_batch slices of every process. By default at most 4.
        lesion_free: share of an epoch's slices that show no tumour, drawn for each epoch from those there
            are, all of them where they are too few; null takes every slice in every epoch.
        dice: soft Dice of every image, as published; of the micro-batch as one (batch); or of every image
            without smoothing, which leaves slices without tumour to the cross-entropy. auto is image where
            every training slice shows tumour, else batch.
        lr: learning rate at its highest.
        betas: decay of AdamW's two running moments.
        eps: AdamW's guard against a division by zero.
        weight_decay: AdamW's decoupled decay, on all but biases, norms and the scan's A and D.
        parameters: all trains every parameter; published leaves the scan's raw parameters at their initial
            values, as the released code does.
        warmup_steps: steps of linear rise before the cosine; the published recipe has none.
        final_lr: learning rate at the end as a fraction of lr.
        clip_norm: greatest norm of the gradient; by default gradients are not clipped.
        ema_decay: decay of a running average of the weights, which is then validated and saved; by default
            none.
        precision: arithmetic of the forward pass. auto is bf16 on a GPU that has it and fp32 on a CPU.
        seed: start of every random draw: initial weights, order of slices, augmentation, drop path.
    """

    epochs: int = 50
    batch_size: int = 16
    micro_batch: int | None = None
    lesion_free: float | None = 0.33
    dice: Literal["auto", "image", "batch", "no-smoothing"] = "auto"
    lr: float = 6e-5
    betas: tuple[float, float] = (0.9, 0.999)
    eps: float = 1e-8
    weight_decay: float = 1e-2
    parameters: Literal["all", "published"] = "all"
    warmup_steps: int = 0
    final_lr: float = 1e-6
    clip_norm: float | None = None
    ema_decay: float | None = None
    precision: Literal["auto", "bf16", "fp16", "fp32"] = "auto"
    seed: int = 42

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size"):
            require(getattr(self, name) >= 1, name, getattr(self, name), "1 or more")
        require(
            self.micro_batch is None or self.micro_batch >= 1, "micro_batch", self.micro_batch, "1 or more"
        )
        share = self.lesion_free
        require(share is None or 0 <= share < 1, "lesion_free", share, "null, or at least 0 and below 1")
        require(self.lr > 0, "lr", self.lr, "above 0")
        require(all(0 <= beta < 1 for beta in self.betas), "betas", self.betas, "two numbers in [0, 1)")
        require(self.eps > 0, "eps", self.eps, "above 0")
        require(self.weight_decay >= 0, "weight_decay", self.weight_decay, "0 or more")
        require(self.warmup_steps >= 0, "warmup_steps", self.warmup_steps, "0 or more")
        require(0 <= self.final_lr <= 1, "final_lr", self.final_lr, "a fraction of lr, 0 to 1")
        require(self.clip_norm is None or self.clip_norm > 0, "clip_norm", self.clip_norm, "above 0")
        require(
            self.ema_decay is None or 0 < self.ema_decay < 1, "ema_decay", self.ema_decay, "between 0 and 1"
        )
        require(self.seed >= 0, "seed", self.seed, "0 or more")


@dataclass(frozen=True)
class ValidationRecipe:
    """What the best weights are chosen on.

    Attributes:
        fold: as 2/5: the patients of train.txt are shared out to five folds of like tumour sizes, and this
            run never sees the second; `cipa evaluate --out-of-fold` scores each patient by the run that left
            it out.
        validation: hold-out keeps patients of train.txt aside; test scores on test.txt, as the released code
            does, and then says nothing about unseen patients; none keeps only the last weights.
        validation_fraction: share of the training patients that is held out.
        validation_seed: which patients are held out; apart from seed, so that runs can be compared.
        validate_every: epochs from one validation to the next; the last epoch is always validated.
        hd95: score HD95 as well, which takes longer.
        tune: volumes chooses threshold and smallest lesion of the best weights by the 3-D Dice and the
            false-positive volume of the held-out patients, and keeps them with the weights; never on the test
            set.
    """

    fold: str | None = None
    validation: Literal["hold-out", "test", "none"] = "hold-out"
    validation_fraction: float = 0.1
    validation_seed: int = 42
    validate_every: int = 1
    hd95: bool = False
    tune: Literal["volumes", "no"] = "volumes"

    def __post_init__(self) -> None:
        require(
            0 < self.validation_fraction < 1,
            "validation_fraction",
            self.validation_fraction,
            "between 0 and 1 (--validation none holds nobody out)",
        )
        if self.fold is not None:
            parse_fold(self.fold)
        require(self.validation_seed >= 0, "validation_seed", self.validation_seed, "0 or more")
        require(self.validate_every >= 1, "validate_every", self.validate_every, "1 or more")


@dataclass(frozen=True)
class RunningRecipe:
    """How the run is executed: may change on resume, does not affect the weights.

    Attributes:
        device: auto is a GPU where there is one, else the CPU.
        workers: processes that read slices, for each training process; by default the idle cores, at most 8.
        save_every: optimiser steps from one resumable state to the next; 0 saves by time and epochs only.
        save_every_minutes: minutes from one resumable state to the next; 0 saves by steps and epochs only.
        save_every_epochs: epochs from one resumable state, saved with the weights, to the next; 0 saves by
            steps and time only, and at the end.
        log_to: tensorboard, wandb (Weights & Biases) or mlflow get every number too; none sends nothing.
        record: auto records the passes of a training step as a CUDA graph where one of our networks is
            trained on GPUs without fp16: the same arithmetic, started at once.
    """

    device: Literal["auto", "cpu", "cuda"] = "auto"
    workers: int | None = None
    save_every: int = 0
    save_every_minutes: float = 15.0
    save_every_epochs: int = 1
    log_to: Literal["none", "tensorboard", "wandb", "mlflow"] = "none"
    record: Literal["auto", "no"] = "auto"

    def __post_init__(self) -> None:
        require(self.workers is None or self.workers >= 0, "workers", self.workers, "0 or more")
        require(self.save_every >= 0, "save_every", self.save_every, "0 or more")
        require(self.save_every_epochs >= 0, "save_every_epochs", self.save_every_epochs, "0 or more")
        require(self.save_every_minutes >= 0, "save_every_minutes", self.save_every_minutes, "0 or more")


@dataclass(frozen=True)
class TrainRecipe:
    """A whole training run as data. `TrainRecipe()` is the published one.

    Attributes:
        network: which network, started from what.
        optimisation: how its weights move.
        validation: what the best weights are chosen on.
        augmentation: how training slices are varied.
        running: devices, workers, logs; without effect on the weights.
    """

    network: NetworkRecipe = field(default_factory=NetworkRecipe)
    optimisation: OptimisationRecipe = field(default_factory=OptimisationRecipe)
    validation: ValidationRecipe = field(default_factory=ValidationRecipe)
    augmentation: AugmentationRecipe = field(default_factory=AugmentationRecipe)
    running: RunningRecipe = field(default_factory=RunningRecipe)

    @property
    def settings(self) -> dict[str, Any]:
        """Every field's value by its name; augmentation's with their group's name in front."""
        return {
            ("augmentation." if group.name == "augmentation" else "") + item.name: getattr(values, item.name)
            for group in fields(self)
            for values in [getattr(self, group.name)]
            for item in fields(values)
        }

    def difference(self, other: "TrainRecipe") -> list[tuple[str, Any, Any]]:
        """List (name, own value, other's value) of each field that differs and may not change on resume."""
        found = []
        for group in ("network", "optimisation", "validation", "augmentation"):
            prefix = "augmentation." if group == "augmentation" else ""
            mine, theirs = getattr(self, group), getattr(other, group)
            for item in fields(mine):
                pair = getattr(mine, item.name), getattr(theirs, item.name)
                if pair[0] != pair[1]:
                    found.append((prefix + item.name, *pair))
        return found
