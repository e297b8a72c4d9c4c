"""An SS2D block, from its two halves to its output: `conv_scan_project`."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from cipa.ops.backend import backend_for, require_fit, scan_backend_for
from cipa.ops.fused.add_norm import EPS
from cipa.ops.fused.depthwise_silu import depthwise_silu
from cipa.ops.scan.norm_gate import (
    NormGate,
    norm_gate_backward,
    scan_backward,
    scan_norm_gate_forward,
    ss2d_norm_gate,
)
from cipa.ops.scan.parameters import scan_input
from cipa.ops.scan.ss2d import ALL_DIRECTIONS, check_scan


def conv_scan_project(
    x: Tensor,
    taps: Tensor,
    taps_bias: Tensor,
    x_proj: Tensor,
    dt_weight: Tensor,
    dt_bias: Tensor,
    A_logs: Tensor,
    Ds: Tensor,
    gate: Tensor,
    norm_weight: Tensor,
    norm_bias: Tensor,
    out_proj: Tensor,
    directions: Sequence[int] = ALL_DIRECTIONS,
    eps: float = EPS,
) -> Tensor:
    """Convolve, pass a SiLU, scan along every direction, sum, normalise, gate with SiLU, project.

    On a GPU in training the convolved map, its projection and what the last product takes are not kept. The
    backward pass makes them again: one pass of the convolution and one product more, for two fifths of what a
    block would keep.

    Args:
        x: (B, H, W, D).
        taps: depthwise convolution's, (D, 1, 3, 3).
        taps_bias: (D,).
        x_proj: of the convolved map to steps, B and C, (K, R + 2 N, D).
        dt_weight: as `cipa.ops.ss2d` takes it, like the next three; (K, D, R).
        dt_bias: (K, D).
        A_logs: (K, D, N).
        Ds: (K, D).
        gate: (B, H, W, D).
        norm_weight: LayerNorm's, (D,).
        norm_bias: LayerNorm's, (D,).
        out_proj: of the gated map, (C, D).
        directions: K codes, see `cipa.ops.ss2d`.
        eps: added to the variance.

    Returns:
        (B, H, W, C).

    Raises:
        ValueError: shapes that do not fit together, named.
        UsageError: a forced kernel that cannot run on this tensor.
    """
    parts = (dt_weight, dt_bias, A_logs, Ds, gate, norm_weight, norm_bias)
    width = x.shape[-1]
    require_fit(
        "conv_scan_project",
        x,
        {
            "taps": (taps, (width, 1, 3, 3)),
            "taps_bias": (taps_bias, (width,)),
            "x_proj": (x_proj, (*x_proj.shape[:-1], width)),
            "gate": (gate, tuple(x.shape)),
            "norm_weight": (norm_weight, (width,)),
            "norm_bias": (norm_bias, (width,)),
            "out_proj": (out_proj, (len(out_proj), width)),
        },
    )
    if backend_for(x) == "triton" and torch.is_grad_enabled():
        return _Recomputing.apply(x, taps, taps_bias, x_proj, *parts, out_proj, tuple(directions), eps)
    x = depthwise_silu(x, taps, taps_bias)
    return F.linear(ss2d_norm_gate(x, project(x, x_proj), *parts, directions, eps), out_proj)


def project(x: Tensor, x_proj: Tensor) -> Tensor:
    """Compute each pixel's steps, B and C in every direction: (B, H, W, D) to (B, H, W, K, R + 2 N).

    All directions read the same pixels, so one matrix product in raster order serves them all.
    """
    return F.linear(x, x_proj.flatten(0, 1)).unflatten(-1, x_proj.shape[:2])


class _Recomputing(torch.autograd.Function):
    """The passes of the other ops; the backward pass runs the first two and the gate a second time."""

    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> Tensor:
        """Return the block's value; of the maps between, only the sum over directions is kept."""
        x, taps, taps_bias, x_proj, *parts, out_proj, directions, eps = arguments
        *parameters, gate, norm_weight, norm_bias = parts
        x = x.contiguous()
        convolved, projection = _convolve_project(x, taps, taps_bias, x_proj)
        scan = scan_input(convolved, projection, *parameters, directions)
        check_scan(scan)
        backend = scan_backend_for(x, scan.parameters.A_logs)
        gated, merged, states = scan_norm_gate_forward(
            scan, NormGate(gate, norm_weight, norm_bias, eps), backend, keep=True
        )
        ctx.save_for_backward(x, taps, taps_bias, x_proj, *parts, out_proj, merged, states)
        ctx.settings = directions, eps, backend
        with torch.autocast(x.device.type, enabled=False):
            return F.linear(gated, out_proj.to(gated.dtype))

    @staticmethod
    def backward(ctx: Any, dout: Tensor) -> Any:
        """Return the gradients of x, the weights and the gate; see the class for what is computed twice."""
        from cipa.ops.fused.depthwise_silu_triton import launch_depthwise_backward

        x, taps, taps_bias, x_proj, *parts, out_proj, merged, states = ctx.saved_tensors
        *parameters, gate, weight, bias = parts
        directions, eps, backend = ctx.settings
        gated = torch.empty_like(x)  # multiplied before the scan's backward pass, which needs the memory
        with torch.autocast(x.device.type, enabled=False):
            dgated = dout @ out_proj.to(dout.dtype)
            dmerged, *dgate = norm_gate_backward(dgated, NormGate(gate, weight, bias, eps), merged, gated)
            dout_proj = (dout.flatten(0, 2).t() @ gated.flatten(0, 2)).to(out_proj.dtype)
        del dgated, gated
        convolved, projection = _convolve_project(x, taps, taps_bias, x_proj)
        scan = scan_input(convolved, projection, *parameters, directions)
        dconvolved, dprojection, *dscan = scan_backward(scan, dmerged, states, backend)
        dconvolved, dx_proj = _project_backward(dconvolved, dprojection, convolved, x_proj)
        dx, dtaps, dtaps_bias = launch_depthwise_backward(dconvolved, x, taps, taps_bias)
        dtaps, dtaps_bias = dtaps.to(taps.dtype), dtaps_bias.to(taps_bias.dtype)
        return (dx, dtaps, dtaps_bias, dx_proj, *dscan, *dgate, dout_proj, None, None)


def _convolve_project(x: Tensor, taps: Tensor, taps_bias: Tensor, x_proj: Tensor) -> tuple[Tensor, Tensor]:
    """Return the convolved map and its projection, both in x's type."""
    from cipa.ops.fused.depthwise_silu_triton import launch_depthwise

    convolved = launch_depthwise(x, taps, taps_bias)
    with torch.autocast(x.device.type, enabled=False):
        return convolved, project(convolved, x_proj.to(x.dtype))


def _project_backward(
    dconvolved: Tensor, dprojection: Tensor, convolved: Tensor, x_proj: Tensor
) -> tuple[Tensor, Tensor]:
    """Add the projection's part to the convolved map's gradient; return it and that of x_proj."""
    weight = x_proj.flatten(0, 1)
    columns = dprojection.flatten(3).flatten(0, 2)
    rows = convolved.flatten(0, 2)
    with torch.autocast(convolved.device.type, enabled=False):
        total = torch.addmm(dconvolved.flatten(0, 2), columns, weight.to(columns.dtype))
        dweight = columns.t() @ rows
    return total.view(convolved.shape), dweight.view(x_proj.shape).to(x_proj.dtype)
