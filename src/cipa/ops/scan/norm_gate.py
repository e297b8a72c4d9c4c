"""SS2D's scan with what follows it: the sum over directions, LayerNorm and the gate: `ss2d_norm_gate`."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from cipa.ops.backend import backend_for, require_fit
from cipa.ops.fused.add_norm import EPS
from cipa.ops.scan.ss2d import ALL_DIRECTIONS, check_scan, ss2d


def ss2d_norm_gate(
    x: Tensor,
    projection: Tensor,
    dt_weight: Tensor,
    dt_bias: Tensor,
    A_logs: Tensor,
    Ds: Tensor,
    gate: Tensor,
    norm_weight: Tensor,
    norm_bias: Tensor,
    directions: Sequence[int] = ALL_DIRECTIONS,
    eps: float = EPS,
) -> Tensor:
    """Scan a map, normalise the result over channels, gate it: LayerNorm(ss2d(...)) SiLU(gate).

    On a GPU the sum over directions, the norm and the gate are one pass over what the scan wrote; elsewhere
    it is `cipa.ops.ss2d` and PyTorch.

    Args:
        x: map, (B, H, W, D).
        projection: as `cipa.ops.ss2d` takes it, like the next four.
        dt_weight: (K, D, R).
        dt_bias: (K, D).
        A_logs: (K, D, N).
        Ds: (K, D).
        gate: (B, H, W, D).
        norm_weight: LayerNorm's, (D,).
        norm_bias: LayerNorm's, (D,).
        directions: K codes, see `cipa.ops.ss2d`.
        eps: added to the variance.

    Returns:
        (B, H, W, D), in x's type.

    Raises:
        ValueError: shapes that do not fit together, named.
        UsageError: a forced kernel that cannot run on this tensor.
    """
    scan = (x, projection, dt_weight, dt_bias, A_logs, Ds)
    width = (x.shape[-1],)
    require_fit(
        "ss2d_norm_gate",
        x,
        {
            "gate": (gate, tuple(x.shape)),
            "norm_weight": (norm_weight, width),
            "norm_bias": (norm_bias, width),
        },
    )
    if backend_for(x) != "triton":
        dtype = x.dtype
        if dtype == torch.float16:  # a trained network's scan reaches 1e10, float16 ends at 65504
            scan = (x.float(), projection.float(), dt_weight, dt_bias, A_logs, Ds)
            norm_weight, norm_bias = norm_weight.float(), norm_bias.float()
        y = F.layer_norm(ss2d(*scan, directions), norm_weight.shape, norm_weight, norm_bias, eps)
        if dtype == torch.float16:
            y = y.half()
        return y * F.silu(gate)
    check_scan(*scan, directions)
    if torch.is_grad_enabled():
        return _GatedScan.apply(*scan, gate, norm_weight, norm_bias, tuple(directions), eps)
    out, _, _ = scan_norm_gate_forward(*scan, gate, norm_weight, norm_bias, directions, eps, keep=False)
    return out


def scan_norm_gate_forward(
    x: Tensor,
    projection: Tensor,
    dt_weight: Tensor,
    dt_bias: Tensor,
    A_logs: Tensor,
    Ds: Tensor,
    gate: Tensor,
    norm_weight: Tensor,
    norm_bias: Tensor,
    directions: Sequence[int],
    eps: float,
    *,
    keep: bool,
) -> tuple[Tensor, Tensor, Tensor]:
    """Run the two kernels of `ss2d_norm_gate`, whose arguments these are.

    Returns:
        The result and, if `keep`, what the way back needs: the sum over directions and the scan's states.
    """
    from cipa.ops.scan.triton.launch import launch_scan
    from cipa.ops.scan.triton.norm_gate import launch_merge_norm_gate

    y, states = launch_scan(x, projection, None, dt_weight, dt_bias, A_logs, Ds, directions, keep)
    out, merged = launch_merge_norm_gate(y, gate, norm_weight, norm_bias, eps, keep, x.dtype)
    return out.view(x.shape), merged, states


def norm_gate_backward(
    dout: Tensor,
    gate: Tensor,
    norm_weight: Tensor,
    norm_bias: Tensor,
    merged: Tensor,
    eps: float,
    again: Tensor | None = None,
) -> tuple[Tensor, ...]:
    """Return the gradients of the sum over directions, gate, weight and bias of `scan_norm_gate_forward`.

    Args:
        dout: gradient of its result.
        gate: as it took it, like the next two.
        norm_weight: (D,).
        norm_bias: (D,).
        merged: the sum that it kept.
        eps: as it took it.
        again: filled with its result, made once more, where given.
    """
    from cipa.ops.scan.triton.norm_gate import launch_norm_gate_backward

    found = launch_norm_gate_backward(dout, merged, gate, norm_weight, norm_bias, eps, again)
    return (
        found.merged.view(dout.shape), found.gate.view(gate.shape).to(gate.dtype),
        found.weight.to(norm_weight.dtype), found.bias.to(norm_bias.dtype),
    )  # fmt: skip


def scan_backward(
    dmerged: Tensor, scan: Sequence[Tensor], states: Tensor, directions: Sequence[int]
) -> tuple[Tensor, ...]:
    """Return the gradients of the six tensors that were scanned.

    Args:
        dmerged: gradient of the sum over directions.
        scan: x, projection, dt_weight, dt_bias, A_logs and Ds.
        states: as `scan_norm_gate_forward` kept them.
        directions: K codes.
    """
    from cipa.ops.scan.triton.launch import launch_backward

    x, projection, dt_weight, dt_bias, A_logs, Ds = scan
    found = launch_backward(dmerged, x, projection, None, dt_weight, dt_bias, A_logs, Ds, directions, states)
    return found.x, found.projection, found.dt_weight, found.dt_bias, found.A_logs, found.Ds


class _GatedScan(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> Tensor:
        out, merged, states = scan_norm_gate_forward(*arguments, keep=True)
        ctx.save_for_backward(*arguments[:-2], merged, states)
        ctx.settings = arguments[-2:]
        return out

    @staticmethod
    def backward(ctx: Any, dout: Tensor) -> Any:
        *scan, gate, norm_weight, norm_bias, merged, states = ctx.saved_tensors
        directions, eps = ctx.settings
        dmerged, *dgated = norm_gate_backward(dout, gate, norm_weight, norm_bias, merged, eps)
        return (*scan_backward(dmerged, scan, states, directions), *dgated, None, None)
