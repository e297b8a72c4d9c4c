"""The middle of an SS2D block, from its two halves to what the last product takes: `conv_scan_norm_gate`."""

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from cipa.ops.add_norm import EPS
from cipa.ops.depthwise_silu import depthwise_silu
from cipa.ops.gated_scan import ss2d_norm_gate
from cipa.ops.kernels import form_for
from cipa.ops.ss2d.op import ALL_DIRECTIONS


def conv_scan_norm_gate(
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
    directions: Sequence[int] = ALL_DIRECTIONS,
    eps: float = EPS,
) -> Tensor:
    """Convolve, pass a SiLU, scan along every direction, sum, normalise, gate with SiLU.

    On a GPU in training the convolved map and its projection are not kept: the backward pass makes them again
    from x, one more pass of the convolution and one product for about a quarter of the maps a block keeps.

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
        directions: K codes, see `cipa.ops.ss2d`.
        eps: added to the variance.

    Returns:
        (B, H, W, D).

    Raises:
        ValueError: shapes that do not fit together, named.
        UsageError: a forced kernel that cannot run on this tensor.
    """
    parts = (dt_weight, dt_bias, A_logs, Ds, gate, norm_weight, norm_bias)
    if form_for(x) == "triton" and torch.is_grad_enabled():
        return _Recomputing.apply(x, taps, taps_bias, x_proj, *parts, tuple(directions), eps)
    x = depthwise_silu(x, taps, taps_bias)
    return ss2d_norm_gate(x, project(x, x_proj), *parts, directions, True, eps)


def project(x: Tensor, x_proj: Tensor) -> Tensor:
    """Give each pixel's steps, B and C in every direction: (B, H, W, D) to (B, H, W, K, R + 2 N).

    All directions read the same pixels, so one matrix product in raster order serves them all.
    """
    return F.linear(x, x_proj.flatten(0, 1)).unflatten(-1, x_proj.shape[:2])


class _Recomputing(torch.autograd.Function):
    """The passes of the other ops; on the way back the first two run a second time."""

    @staticmethod
    def forward(
        ctx: Any,
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
        directions: tuple[int, ...],
        eps: float,
    ) -> Tensor:
        from cipa.ops.triton.launch import launch_scan
        from cipa.ops.triton.norm_gate import launch_merge_norm_gate

        x = x.contiguous()
        scan = (dt_weight, dt_bias, A_logs, Ds)
        y, states = launch_scan(*_inputs(x, taps, taps_bias, x_proj), None, *scan, directions, True)
        out, merged = launch_merge_norm_gate(y, gate, norm_weight, norm_bias, eps, True, True, x.dtype)
        ctx.save_for_backward(x, taps, taps_bias, x_proj, *scan, gate, norm_weight, norm_bias, merged, states)
        ctx.settings = directions, eps
        return out.view(x.shape)

    @staticmethod
    def backward(ctx: Any, dout: Tensor) -> Any:
        from cipa.ops.triton.depthwise import launch_depthwise_backward
        from cipa.ops.triton.launch import launch_backward
        from cipa.ops.triton.norm_gate import launch_norm_gate_backward

        x, taps, taps_bias, x_proj, dt_weight, dt_bias, A_logs, Ds, *rest = ctx.saved_tensors
        gate, norm_weight, norm_bias, merged, states = rest
        directions, eps = ctx.settings
        dmerged, dgate, dweight, dbias = launch_norm_gate_backward(
            dout, merged, gate, norm_weight, norm_bias, eps, True
        )
        convolved, projection = _inputs(x, taps, taps_bias, x_proj)
        found = launch_backward(
            dmerged.view(x.shape), convolved, projection, None, dt_weight, dt_bias, A_logs, Ds,
            directions, states,
        )  # fmt: skip
        dconvolved, dx_proj = _project_backward(found.x, found.projection, convolved, x_proj)
        dx, dtaps, dtaps_bias = launch_depthwise_backward(dconvolved, x, taps, taps_bias)
        return (
            dx, dtaps.to(taps.dtype), dtaps_bias.to(taps_bias.dtype), dx_proj,
            found.dt_weight, found.dt_bias, found.A_logs, found.Ds,
            dgate.view(gate.shape).to(gate.dtype), dweight.to(norm_weight.dtype), dbias.to(norm_bias.dtype),
            None, None,
        )  # fmt: skip


def _inputs(x: Tensor, taps: Tensor, taps_bias: Tensor, x_proj: Tensor) -> tuple[Tensor, Tensor]:
    """Return the convolved map and its projection, both in x's type."""
    from cipa.ops.triton.depthwise import launch_depthwise

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
