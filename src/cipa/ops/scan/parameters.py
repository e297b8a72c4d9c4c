"""What a scan reads, as values: the map with its projection, what is learnt, and the directions."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from torch import Tensor


class ScanParameters(NamedTuple):
    """The learnt tensors of SS2D's scan and its directions, flat only in public and custom ops.

    Letters: K directions, D channels, R rank of the dt projection, N states a channel.

    Attributes:
        dt_weight: the dt projection, from dt_low to each channel's step, (K, D, R); R 0 if the step is given.
        dt_bias: added to the step before the softplus, (K, D).
        A_logs: log of -A, (K, D, N).
        Ds: skip weight, (K, D).
        directions: K codes: 0 row by row, 1 column by column, 2 and 3 the reverse of 0 and 1.
    """

    dt_weight: Tensor
    dt_bias: Tensor
    A_logs: Tensor
    Ds: Tensor
    directions: Sequence[int]

    @property
    def tensors(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return dt_weight, dt_bias, A_logs and Ds, the order of the custom ops' arguments."""
        return self.dt_weight, self.dt_bias, self.A_logs, self.Ds

    @property
    def states(self) -> int:
        """Return N, the states a channel has."""
        return self.A_logs.shape[-1]


class ScanInput(NamedTuple):
    """All that a scan reads. Letters: B images, H x W map, D channels, K directions, R rank, N states.

    Attributes:
        x: (B, H, W, D), any floating type that the backend takes.
        projection: (B, H, W, K, R + 2 N).
        parameters: what is learnt, and the K directions.
        dt: (B, H, W, D), the step before bias and softplus, where R is 0.
    """

    x: Tensor
    projection: Tensor
    parameters: ScanParameters
    dt: Tensor | None = None


SCHEMA = (
    "Tensor x, Tensor projection, Tensor dt_weight, Tensor dt_bias, Tensor A_logs, Tensor Ds,"
    " int[] directions"
)
"""A `ScanInput` without dt, flat, as PyTorch's custom ops take their arguments."""


def scan_input(x: Tensor, projection: Tensor, *parameters: Any) -> ScanInput:
    """Return as one value what a custom op is given flat, in the order of `SCHEMA`."""
    return ScanInput(x, projection, ScanParameters(*parameters))
