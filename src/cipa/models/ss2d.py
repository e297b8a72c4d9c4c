"""The blocks around the selective scan: SS2D for maps (VMamba, arXiv 2401.10166), SS1D for token lists.

Letters: B batch, H x W grid, L tokens, C width outside, D = 2C width inside, N states.
"""

import math

import torch.nn.functional as F
from torch import Tensor, nn

from cipa.models.scan import SelectiveScan

ALL_DIRECTIONS = (0, 1, 2, 3)
FORWARD_ONLY = (0,)


class SS2D(nn.Module):
    """Gated scan of a map along rows and columns, both ways: (B, H, W, C) -> (B, H, W, C).

    Args:
        width: C.
        states: N, 16 in encoder and fusion, 4 in the decoder.
    """

    def __init__(self, width: int, states: int) -> None:
        super().__init__()
        inner = 2 * width
        self.in_proj = nn.Linear(width, 2 * inner, bias=False)
        self.depthwise = nn.Conv2d(inner, inner, 3, padding=1, groups=inner)
        self.scan = SelectiveScan(inner, states, math.ceil(width / 16), ALL_DIRECTIONS)
        self.out_norm = nn.LayerNorm(inner)
        self.out_proj = nn.Linear(inner, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Mix a map.

        Args:
            x: (B, H, W, C).

        Returns:
            The residual branch's value, (B, H, W, C).
        """
        return self.scan.block(x, self.in_proj, self.depthwise, self.out_norm, self.out_proj)


class SS1D(nn.Module):
    """Gated scan of a token list in one direction, without convolution (CIPA's CRM): (B, L, C) -> (B, L, C).

    As in SS2D the gate passes a SiLU; the scanned half does too, which there comes of the convolution.

    Args:
        width: C.
        states: N.
    """

    def __init__(self, width: int, states: int) -> None:
        super().__init__()
        inner = 2 * width
        self.in_proj = nn.Linear(width, 2 * inner, bias=False)
        self.scan = SelectiveScan(inner, states, math.ceil(width / 16), FORWARD_ONLY)
        self.out_norm = nn.LayerNorm(inner)
        self.out_proj = nn.Linear(inner, width, bias=False)

    def forward(self, tokens: Tensor) -> Tensor:
        """Mix a list of tokens.

        Args:
            tokens: (B, L, C).

        Returns:
            (B, L, C).
        """
        scanned, gate = (F.linear(tokens, half) for half in self.in_proj.weight.chunk(2))
        one_row = (half.unsqueeze(1) for half in (F.silu(scanned), gate))  # a token list is a map of one row
        return self.out_proj(self.scan(*one_row, self.out_norm).squeeze(1))
