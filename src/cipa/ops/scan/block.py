"""An SS2D block from its input to its output: `ss2d_block`."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from cipa.ops.backend import backend_for, require_fit, scan_backend_for
from cipa.ops.fused.add_norm import EPS, compute_dtype
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


def ss2d_block(
    x: Tensor,
    in_proj: Tensor,
    taps: Tensor,
    taps_bias: Tensor,
    x_proj: Tensor,
    dt_weight: Tensor,
    dt_bias: Tensor,
    A_logs: Tensor,
    Ds: Tensor,
    norm_weight: Tensor,
    norm_bias: Tensor,
    out_proj: Tensor,
    directions: Sequence[int] = ALL_DIRECTIONS,
    eps: float = EPS,
) -> Tensor:
    """Project to two halves; convolve one, pass a SiLU, scan, sum, normalise; gate by the other, project.

    On a GPU one product makes both halves, side by side, and the kernels read each out of the wider rows. In
    training the convolved map, its projection and what the last product takes are not kept. The backward pass
    makes them again: one pass of the convolution and one product more, for two fifths of what a block would
    keep.

    Args:
        x: (B, H, W, C).
        in_proj: to the scanned half and the gate, (2 D, C).
        taps: depthwise convolution's, (D, 1, 3, 3).
        taps_bias: (D,).
        x_proj: of the convolved map to steps, B and C, (K, R + 2 N, D).
        dt_weight: as `cipa.ops.ss2d` takes it, like the next three; (K, D, R).
        dt_bias: (K, D).
        A_logs: (K, D, N).
        Ds: (K, D).
        norm_weight: LayerNorm's, (D,).
        norm_bias: LayerNorm's, (D,).
        out_proj: of the gated map, (C_out, D).
        directions: K codes, see `cipa.ops.ss2d`.
        eps: added to the variance.

    Returns:
        (B, H, W, C_out).

    Raises:
        ValueError: shapes that do not fit together, named.
        UsageError: a forced kernel that cannot run on this tensor.
    """
    width = len(in_proj) // 2
    require_fit(
        "ss2d_block",
        x,
        {
            "in_proj": (in_proj, (2 * width, x.shape[-1])),
            "taps": (taps, (width, 1, 3, 3)),
            "taps_bias": (taps_bias, (width,)),
            "x_proj": (x_proj, (*x_proj.shape[:-1], width)),
            "norm_weight": (norm_weight, (width,)),
            "norm_bias": (norm_bias, (width,)),
            "out_proj": (out_proj, (len(out_proj), width)),
        },
    )
    parameters = (dt_weight, dt_bias, A_logs, Ds)
    norm = (norm_weight, norm_bias)
    if backend_for(x) != "triton":
        # Two products: what follows on a CPU wants its maps contiguous.
        scanned, gate = (F.linear(x, half) for half in in_proj.chunk(2))
    elif torch.is_grad_enabled():
        return _Recomputing.apply(
            x, in_proj, taps, taps_bias, x_proj, *parameters, *norm, out_proj, tuple(directions), eps
        )
    else:
        scanned, gate = F.linear(x, in_proj).chunk(2, -1)
    scanned = depthwise_silu(scanned, taps, taps_bias)
    gated = ss2d_norm_gate(scanned, project(scanned, x_proj), *parameters, gate, *norm, directions, eps)
    return F.linear(gated, out_proj)


def project(x: Tensor, x_proj: Tensor) -> Tensor:
    """Compute each pixel's steps, B and C in every direction: (B, H, W, D) to (B, H, W, K, R + 2 N).

    All directions read the same pixels, so one matrix product in raster order serves them all.
    """
    return F.linear(x, x_proj.flatten(0, 1)).unflatten(-1, x_proj.shape[:2])


class _Recomputing(torch.autograd.Function):
    """The passes of the other ops; the backward pass runs the convolution, its product and the gate again."""

    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> Tensor:
        """Return the block's value; of the maps between, the halves and the sum over directions are kept."""
        x, in_proj, taps, taps_bias, x_proj, *parameters, weight, bias, out_proj, directions, eps = arguments
        narrow = x.to(compute_dtype(x))
        with torch.autocast(x.device.type, enabled=False):
            halves = F.linear(narrow, in_proj.to(narrow.dtype))
        scanned, gate = halves.chunk(2, -1)
        convolved, projection = _convolve_project(scanned, taps, taps_bias, x_proj)
        scan = scan_input(convolved, projection, *parameters, directions)
        check_scan(scan)
        backend = scan_backend_for(scan.x, scan.parameters.A_logs)
        gated, merged, states = scan_norm_gate_forward(
            scan, NormGate(gate, weight, bias, eps), backend, keep=True
        )
        ctx.save_for_backward(
            narrow,
            in_proj,
            taps,
            taps_bias,
            x_proj,
            *parameters,
            weight,
            bias,
            out_proj,
            halves,
            merged,
            states,
        )
        ctx.settings = directions, eps, backend, x.dtype
        with torch.autocast(x.device.type, enabled=False):
            return F.linear(gated, out_proj.to(gated.dtype))

    @staticmethod
    def backward(ctx: Any, dout: Tensor) -> Any:
        """Return the gradients of x and the weights; see the class for what is computed twice."""
        from cipa.ops.fused.depthwise_silu_triton import launch_depthwise_backward

        x, in_proj, taps, taps_bias, x_proj, *parameters, weight, bias, out_proj, halves, merged, states = (
            ctx.saved_tensors
        )
        directions, eps, backend, dtype = ctx.settings
        scanned, gate = halves.chunk(2, -1)
        dhalves = torch.empty_like(halves)
        dscanned, dgate = dhalves.chunk(2, -1)
        # Multiplied before the scan's backward pass, which needs the memory.
        gated = torch.empty(scanned.shape, dtype=scanned.dtype, device=scanned.device)
        with torch.autocast(dout.device.type, enabled=False):
            dgated = dout @ out_proj.to(dout.dtype)
            dmerged, _, *dnorm = norm_gate_backward(
                dgated, NormGate(gate, weight, bias, eps), merged, gated, dgate
            )
            dout_proj = _weight_gradient(dout, gated, out_proj)
        del dgated, gated
        convolved, projection = _convolve_project(scanned, taps, taps_bias, x_proj)
        scan = scan_input(convolved, projection, *parameters, directions)
        dconvolved, dprojection, *dscan = scan_backward(scan, dmerged, states, backend)
        dconvolved, dx_proj = _project_backward(dconvolved, dprojection, convolved, x_proj)
        _, dtaps, dtaps_bias = launch_depthwise_backward(dconvolved, scanned, taps, taps_bias, dscanned)
        dtaps, dtaps_bias = dtaps.to(taps.dtype), dtaps_bias.to(taps_bias.dtype)
        with torch.autocast(dout.device.type, enabled=False):
            dx = (dhalves @ in_proj.to(dhalves.dtype)).to(dtype)
            din_proj = _weight_gradient(dhalves, x, in_proj)
        return (dx, din_proj, dtaps, dtaps_bias, dx_proj, *dscan, *dnorm, dout_proj, None, None)


def _weight_gradient(dout: Tensor, x: Tensor, weight: Tensor) -> Tensor:
    """Return the gradient of a linear layer's weight from that of its result, (B, H, W, .), and its input."""
    columns, rows = dout.flatten(0, 2).t(), x.flatten(0, 2)
    if dout.is_cuda and weight.dtype == torch.float32 != dout.dtype:
        # From the sum, which is float32: rounding it in between would be a pass more, and worse.
        return torch.mm(columns, rows, out_dtype=torch.float32)
    return (columns @ rows).to(weight.dtype)


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
    columns = dprojection.flatten(3)
    with torch.autocast(convolved.device.type, enabled=False):
        total = torch.addmm(dconvolved.flatten(0, 2), columns.flatten(0, 2), weight.to(columns.dtype))
        dweight = _weight_gradient(columns, convolved, weight)
    return total.view(convolved.shape), dweight.view(x_proj.shape)
