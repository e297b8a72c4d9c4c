"""What follows the scan in one pass: sum over directions, LayerNorm, gate. Kernels and launches."""

from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from cipa.ops.fused.activations_triton import sigmoid, silu
from cipa.ops.fused.add_norm_triton import load_beside, norm_backward, plan_backward, standardise, tile_of
from cipa.ops.fused.partial_sums_triton import sum_parts
from cipa.ops.gpu import evenly_spaced

ELEMENTS = 1024
"""Values that a program of the forward pass holds of each map it reads: 7 % faster than with 2048 (H200)."""


@triton.jit(do_not_specialize=["rows"])
def merge_norm_gate_forward(
    source, gate, weight, bias, merged, out, rows, channels, gate_stride, eps,
    K: tl.constexpr, SAVE: tl.constexpr, ROWS: tl.constexpr, BD: tl.constexpr,
) -> None:  # fmt: skip
    """Fill out = LayerNorm(sum of source over K) SiLU(gate), and the sum itself where SAVE."""
    row = (tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS))[:, None]
    d = tl.arange(0, BD)[None, :]
    mask = (row < rows) & (d < channels)
    total = tl.zeros([ROWS, BD], tl.float32)
    for k in tl.static_range(K):
        # source: (rows, K, D), one direction's tile (ROWS, BD) after the other: summed in a fixed order
        total += tl.load(source + (row * K + k) * channels + d, mask=mask, other=0.0).to(tl.float32)
    at = row * channels + d
    if SAVE:
        # merged: (rows, D); kept for the backward pass, a K-th of what source takes
        tl.store(merged + at, total.to(merged.dtype.element_ty), mask=mask)
    normed, _ = standardise(total, mask, channels, eps)
    # weight, bias: (D,), spread over the tile (ROWS, BD)
    scale = load_beside(weight, d, mask)
    shift = load_beside(bias, d, mask)
    # gate: (rows, D), a tile (ROWS, BD); its rows lie gate_stride apart
    z = silu(tl.load(gate + row * gate_stride + d, mask=mask, other=0.0).to(tl.float32))
    # out: (rows, D)
    tl.store(out + at, ((normed * scale + shift) * z).to(out.dtype.element_ty), mask=mask)


@triton.jit(do_not_specialize=["rows"])
def norm_gate_backward(
    dout, merged, gate, weight, bias, dmerged, dgate, dweight, dbias, again, rows, channels,
    gate_stride, dgate_stride, eps,
    AGAIN: tl.constexpr, ROWS: tl.constexpr, BD: tl.constexpr,
) -> None:  # fmt: skip
    """Fill the gradients of the sum and of the gate, and each program's part of weight's and bias's.

    Where AGAIN, what the forward pass returned is made once more.
    """
    d = tl.arange(0, BD)[None, :]
    known = d < channels
    # weight, bias: (D,), rows (1, BD); read once, they serve every tile of the loop
    scale = tl.load(weight + d, mask=known, other=0.0).to(tl.float32)
    shift = tl.load(bias + d, mask=known, other=0.0).to(tl.float32)
    weight_sum = tl.zeros([ROWS, BD], tl.float32)
    bias_sum = tl.zeros([ROWS, BD], tl.float32)
    for block in range(tl.program_id(0), tl.cdiv(rows, ROWS), tl.num_programs(0)):
        row = (block * ROWS + tl.arange(0, ROWS)).to(tl.int64)[:, None]
        mask = (row < rows) & known
        at = row * channels + d
        # merged, gate, dout: (rows, D), tiles (ROWS, BD); all asked for before the first is used
        value = tl.load(merged + at, mask=mask, other=0.0).to(tl.float32)
        z = tl.load(gate + row * gate_stride + d, mask=mask, other=0.0).to(tl.float32)
        upstream = tl.load(dout + at, mask=mask, other=0.0).to(tl.float32)
        share = sigmoid(z)
        through = z * share
        slope = share * (1.0 + z - through)
        gated = upstream * through
        normed, gradient = norm_backward(value, gated * scale, mask, channels, eps)
        shifted = normed * scale + shift
        if AGAIN:
            # again: (rows, D), for the last product's gradient: kept, it would cost a map a block
            tl.store(again + at, (shifted * through).to(again.dtype.element_ty), mask=mask)
        dz = upstream * shifted * slope
        # dgate, dmerged: (rows, D)
        tl.store(dgate + row * dgate_stride + d, dz.to(dgate.dtype.element_ty), mask=mask)
        weight_sum += gated * normed
        bias_sum += gated
        tl.store(dmerged + at, gradient.to(dmerged.dtype.element_ty), mask=mask)
    out = tl.program_id(0) * channels + d
    # dweight, dbias: (programs, D), added up by the caller in a fixed order
    tl.store(dweight + out, tl.sum(weight_sum, axis=0)[None, :], mask=known)
    tl.store(dbias + out, tl.sum(bias_sum, axis=0)[None, :], mask=known)


def launch_merge_norm_gate(
    source: Tensor,
    gate: Tensor,
    weight: Tensor,
    bias: Tensor,
    eps: float,
    save: bool,
    dtype: torch.dtype,
) -> tuple[Tensor, Tensor]:
    """Sum source (B, L, K, D) over K, normalise, gate (B, L, D).

    Returns:
        The result in `dtype` and, if `save`, the sum, in the source's type.
    """
    batch, length, count, channels = source.shape
    out = torch.empty(batch, length, channels, dtype=dtype, device=source.device)
    merged = torch.empty_like(out, dtype=source.dtype) if save else out
    rows, block = tile_of(channels, ELEMENTS)
    gate, stride = evenly_spaced(gate)
    merge_norm_gate_forward[(triton.cdiv(batch * length, rows),)](
        source, gate, weight, bias, merged, out, batch * length, channels, stride, eps,
        K=count, SAVE=save, ROWS=rows, BD=block,
    )  # fmt: skip
    return out, merged


class NormGateGradients(NamedTuple):
    """Of the merged sum, gate, weight and bias; the last two float32."""

    merged: Tensor
    gate: Tensor
    weight: Tensor
    bias: Tensor


def launch_norm_gate_backward(
    dout: Tensor,
    merged: Tensor,
    gate: Tensor,
    weight: Tensor,
    bias: Tensor,
    eps: float,
    again: Tensor | None = None,
    dgate: Tensor | None = None,
) -> NormGateGradients:
    """Return the gradients.

    Args:
        dout: gradient of the result.
        merged: the sum that the forward pass saved.
        gate: as it took it, likewise the next three.
        weight: (D,).
        bias: (D,).
        eps: added to the variance.
        again: of the sum's shape, takes what the forward pass returned.
        dgate: takes the gate's gradient, where given; its pixels evenly spaced.
    """
    channels = merged.shape[-1]
    count = merged.numel() // channels
    programs, constants = plan_backward(count, channels, merged.device)
    dmerged, dgate = torch.empty_like(merged), torch.empty_like(merged) if dgate is None else dgate
    gate, stride = evenly_spaced(gate)
    sums = torch.empty(2, programs, channels, dtype=torch.float32, device=merged.device)
    norm_gate_backward[(programs,)](
        dout.contiguous(), merged, gate, weight, bias, dmerged, dgate, sums[0], sums[1],
        dgate if again is None else again, count, channels, stride, dgate.stride(-2), eps,
        AGAIN=again is not None, **constants,
    )  # fmt: skip
    dweight, dbias = sum_parts(sums)
    return NormGateGradients(dmerged, dgate, dweight, dbias)
