"""Sigma's two fusion modules: Cross Mamba lets CT and PET read each other's state, Concat Mamba joins them.

From Sigma (Wan et al., WACV 2025, arXiv 2404.04256), written from the paper and the published tensors.
Letters: B batch, H x W grid, L = H W, C width outside, D = 2C width inside, N states, R = ceil(C / 16).
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cipa.models.layers import LayerNorm
from cipa.models.scan import SelectiveScan
from cipa.ops import depthwise_silu, ss2d

STATES = 4
GATE_REDUCTION = 16
FORWARD = (0,)
BOTH_WAYS = (0, 2)


class CrossMamba(nn.Module):
    """Scan each modality with the other's output weights: two maps (B, H, W, C) -> the same two, enriched.

    One depthwise convolution serves both modalities; everything else each has for itself.

    Args:
        width: C.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        inner, rank = 2 * width, math.ceil(width / 16)
        self.ct_in_proj = nn.Linear(width, inner, bias=False)
        self.pet_in_proj = nn.Linear(width, inner, bias=False)
        self.depthwise = nn.Conv2d(inner, inner, 3, padding=1, groups=inner)
        self.ct_scan = SelectiveScan(inner, STATES, rank, FORWARD)
        self.pet_scan = SelectiveScan(inner, STATES, rank, FORWARD)
        self.ct_norm = LayerNorm(inner)
        self.pet_norm = LayerNorm(inner)
        self.ct_out_proj = nn.Linear(inner, width, bias=False)
        self.pet_out_proj = nn.Linear(inner, width, bias=False)

    def forward(self, ct: Tensor, pet: Tensor) -> tuple[Tensor, Tensor]:
        """Enrich a pair of feature maps.

        Args:
            ct: (B, H, W, C).
            pet: (B, H, W, C).

        Returns:
            ct and pet, each plus what it read, (B, H, W, C).
        """
        ct_inner = _convolve(self.depthwise, self.ct_in_proj(ct))
        pet_inner = _convolve(self.depthwise, self.pet_in_proj(pet))
        ct_own, ct_readout = _project(self.ct_scan, ct_inner).tensor_split([-STATES], dim=-1)
        pet_own, pet_readout = _project(self.pet_scan, pet_inner).tensor_split([-STATES], dim=-1)
        ct_scanned = _scan(self.ct_scan, ct_inner, torch.cat([ct_own, pet_readout], dim=-1))
        pet_scanned = _scan(self.pet_scan, pet_inner, torch.cat([pet_own, ct_readout], dim=-1))
        return (
            ct + self.ct_out_proj(self.ct_norm(ct_scanned)),
            pet + self.pet_out_proj(self.pet_norm(pet_scanned)),
        )


class ConcatMamba(nn.Module):
    """Scan CT's pixels, then PET's, as one sequence, both ways: two maps (B, H, W, C) -> one (B, H, W, C).

    Args:
        width: C.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        inner = 2 * width
        self.ct_in_proj = nn.Linear(width, inner, bias=False)
        self.pet_in_proj = nn.Linear(width, inner, bias=False)
        self.ct_depthwise = nn.Conv2d(inner, inner, 3, padding=1, groups=inner)
        self.pet_depthwise = nn.Conv2d(inner, inner, 3, padding=1, groups=inner)
        self.scan = SelectiveScan(inner, STATES, math.ceil(width / 16), BOTH_WAYS)
        self.ct_norm = LayerNorm(inner)
        self.pet_norm = LayerNorm(inner)
        self.ct_gate = ChannelGate(inner)
        self.pet_gate = ChannelGate(inner)
        self.out_proj = nn.Linear(2 * inner, width, bias=False)

    def forward(self, ct: Tensor, pet: Tensor) -> Tensor:
        """Fuse a pair of feature maps.

        Args:
            ct: (B, H, W, C).
            pet: (B, H, W, C).

        Returns:
            ct + pet and what the scan read off both, (B, H, W, C).
        """
        total = ct + pet
        ct, pet = self.ct_in_proj(ct), self.pet_in_proj(pet)
        ct_gate, pet_gate = self.ct_gate(ct), self.pet_gate(pet)
        maps = _convolve(self.ct_depthwise, ct), _convolve(self.pet_depthwise, pet)
        sequence = torch.cat([x.flatten(1, 2) for x in maps], dim=1).unsqueeze(1)  # it is a map of one row
        scanned = _scan(self.scan, sequence, _project(self.scan, sequence))
        ct_half, pet_half = (half.reshape(ct.shape) for half in scanned.chunk(2, dim=2))
        halves = [self.ct_norm(ct_half) * pet_gate, self.pet_norm(pet_half) * ct_gate]
        return total + self.out_proj(torch.cat(halves, dim=-1))


class ChannelGate(nn.Module):
    """Weigh channels by their mean: (B, H, W, D) -> (B, 1, 1, D), each in (0, 1).

    Args:
        width: D.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        narrow = max(width // GATE_REDUCTION, 1)
        self.down = nn.Linear(width, narrow, bias=False)
        self.up = nn.Linear(narrow, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return the weights of a map (B, H, W, D)."""
        return torch.sigmoid(self.up(F.silu(self.down(x.mean((1, 2), keepdim=True)))))


def _convolve(depthwise: nn.Conv2d, x: Tensor) -> Tensor:
    """Convolve each channel of a map (B, H, W, D) by itself, then SiLU."""
    assert depthwise.bias is not None  # every one here is made with it
    return depthwise_silu(x, depthwise.weight, depthwise.bias)


def _project(scan: SelectiveScan, x: Tensor) -> Tensor:
    """Return [dt_low, B, C] of every direction at every pixel of (B, H, W, D): (B, H, W, K, R + 2N)."""
    return F.linear(x, scan.x_proj.flatten(0, 1)).unflatten(-1, scan.x_proj.shape[:2])


def _scan(scan: SelectiveScan, x: Tensor, projection: Tensor) -> Tensor:
    """Scan a map (B, H, W, D) by a projection that need not be all its own; no norm or gate follows."""
    return ss2d(x, projection, scan.dt_weight, scan.dt_bias, scan.A_logs, scan.Ds, scan.directions)
