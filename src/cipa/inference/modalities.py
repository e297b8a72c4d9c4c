"""A network that sees only one of the modalities it is given."""

from typing import Any, cast

from torch import Tensor, nn

from cipa.data.modalities import keep_inputs
from cipa.errors import UsageError
from cipa.modalities import BOTH


class WithInputs(nn.Module):
    """A wrapper that blacks out one modality, whatever it is called with.

    Attributes:
        model: the network.
        config: the network's own.
        inputs: what it is shown, of `cipa.modalities.INPUTS`.
    """

    def __init__(self, model: nn.Module, inputs: str) -> None:
        super().__init__()
        self.model = model
        self.config = cast(Any, model).config
        self.inputs = inputs

    def forward(self, ct: Tensor, pet: Tensor) -> Tensor:
        """Return the network's logits of a pair, both float (B, 1, H, W)."""
        return cast(Tensor, self.model(*keep_inputs(ct, pet, self.inputs)))


def trained_inputs(model: nn.Module) -> str:
    """Return what a network was trained on."""
    return str(getattr(cast(Any, model).config, "inputs", BOTH))


def with_inputs(model: nn.Module, inputs: str | None = None) -> nn.Module:
    """Show a network only some of what it is given.

    Args:
        model: the network, with a `config`.
        inputs: of `cipa.modalities.INPUTS`; None for what it was trained on.

    Returns:
        The network itself where it is shown all.

    Raises:
        UsageError: it was trained on one modality and is asked for the other.
    """
    if isinstance(model, WithInputs):
        return model
    trained = trained_inputs(model)
    wanted = inputs or trained
    if trained not in (BOTH, wanted):
        raise UsageError(f"--inputs {wanted}: these weights were trained on {trained} alone; leave it out")
    return model if wanted == BOTH else WithInputs(model, wanted)


def takes(model: nn.Module, inputs: str | None) -> bool:
    """Say whether a network's training prepared it for these inputs."""
    config = cast(Any, model).config
    return inputs in (None, trained_inputs(model)) or getattr(config, "modality_dropout", 0.0) > 0
