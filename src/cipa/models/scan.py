"""The selective scan as a layer: its parameters, how they start, and the one projection that feeds it.

Letters: B batch, H x W grid, D inner width, K directions, N states, R rank of the step projection.
"""

import math
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from cipa.ops import project, ss2d_block, ss2d_norm_gate

DT_RANGE = (1e-3, 1e-1)
"""Steps that softplus(dt_bias) starts with, log-uniform (Mamba, arXiv 2312.00752, section 3.6)."""
DT_FLOOR = 1e-4


class SelectiveScan(nn.Module):
    """Input-dependent scan of a map along K directions (S6 of Mamba, cross-scan of VMamba arXiv 2401.10166).

    Args:
        width: D, channels scanned.
        states: N, states a channel.
        rank: R, values of each position that its steps are lifted from.
        directions: K codes as `cipa.ops.ss2d` reads them.
    """

    def __init__(self, width: int, states: int, rank: int, directions: Sequence[int]) -> None:
        super().__init__()
        count = len(directions)
        self.directions = tuple(directions)
        self.x_proj = nn.Parameter(torch.empty(count, rank + 2 * states, width))
        self.dt_weight = nn.Parameter(torch.empty(count, width, rank))
        self.dt_bias = nn.Parameter(torch.empty(count, width))
        self.A_logs = nn.Parameter(torch.empty(count, width, states))
        self.Ds = nn.Parameter(torch.empty(count, width))
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Start as VMamba does: A_n = -n, skips 1, steps log-uniform in `DT_RANGE`.

        On PyTorch's meta device, where a network is made before its weights are read, there is nothing to
        start: the shape of an exponential there costs an import of PyTorch's compiler, 1.5 s.
        """
        if self.A_logs.is_meta:
            return
        width, rank = self.dt_weight.shape[1:]
        self.x_proj.uniform_(-(width**-0.5), width**-0.5)  # nn.Linear's default for fan-in `width`
        self.dt_weight.uniform_(-(rank**-0.5), rank**-0.5)
        low, high = (math.log(step) for step in DT_RANGE)
        step = torch.empty_like(self.dt_bias).uniform_(low, high).exp().clamp(min=DT_FLOOR)
        self.dt_bias.copy_(step + torch.log(-torch.expm1(-step)))  # inverse of softplus
        self.A_logs.copy_(torch.arange(1, self.A_logs.shape[-1] + 1).log().expand_as(self.A_logs))
        self.Ds.fill_(1)

    def forward(self, x: Tensor, gate: Tensor, norm: nn.LayerNorm) -> Tensor:
        """Scan along every direction, sum, normalise, gate by a SiLU.

        Args:
            x: (B, H, W, D).
            gate: (B, H, W, D).
            norm: LayerNorm(D) of the sum.

        Returns:
            (B, H, W, D).
        """
        return ss2d_norm_gate(
            x, project(x, self.x_proj), self.dt_weight, self.dt_bias, self.A_logs, self.Ds,
            gate, norm.weight, norm.bias, self.directions, norm.eps,
        )  # fmt: skip

    def block(
        self, x: Tensor, in_proj: nn.Linear, depthwise: nn.Conv2d, norm: nn.LayerNorm, out_proj: nn.Linear
    ) -> Tensor:
        """Do all an SS2D block does, from its input to its output.

        Args:
            x: (B, H, W, C).
            in_proj: C to 2 D channels, without bias: the scanned half, then the gate.
            depthwise: 3 x 3, with bias.
            norm: LayerNorm(D) of the sum.
            out_proj: D to C channels, without bias.

        Returns:
            (B, H, W, C).
        """
        return ss2d_block(
            x, in_proj.weight, depthwise.weight, cast(Tensor, depthwise.bias), self.x_proj, self.dt_weight,
            self.dt_bias, self.A_logs, self.Ds, norm.weight, norm.bias, out_proj.weight, self.directions,
            norm.eps,
        )  # fmt: skip
