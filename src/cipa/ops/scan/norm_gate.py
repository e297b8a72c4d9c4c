"""SS2D's scan with what follows it: the sum over directions, LayerNorm and the gate: `ss2d_norm_gate`."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from cipa.ops.backend import backend_for, is_fused_on_cpu, launcher, require_fit, scan_backend_for
from cipa.ops.fused.add_norm import EPS
from cipa.ops.scan.parameters import ScanInput, ScanParameters, scan_input
from cipa.ops.scan.ss2d import ALL_DIRECTIONS, check_scan, ss2d


class NormGate(NamedTuple):
    """What follows the scan: LayerNorm over D channels, times SiLU(gate).

    Attributes:
        gate: (B, H, W, D).
        weight: the norm's, (D,).
        bias: the norm's, (D,).
        eps: added to the variance.
    """

    gate: Tensor
    weight: Tensor
    bias: Tensor
    eps: float


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
    scan = ScanInput(x, projection, ScanParameters(dt_weight, dt_bias, A_logs, Ds, tuple(directions)))
    norm_gate = NormGate(gate, norm_weight, norm_bias, eps)
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
    if is_fused_on_cpu(x) and is_fused_on_cpu(gate):
        from cipa.ops.scan.cpu.norm_gate import launch_norm_gate

        return launch_norm_gate(ss2d(x, projection, *scan.parameters), *norm_gate)
    if backend_for(x) != "triton":
        dtype = x.dtype
        if dtype == torch.float16:  # a trained network's scan reaches 1e10, float16 ends at 65504
            x, projection = x.float(), projection.float()
            norm_weight, norm_bias = norm_weight.float(), norm_bias.float()
        y = F.layer_norm(
            ss2d(x, projection, *scan.parameters), norm_weight.shape, norm_weight, norm_bias, eps
        )
        if dtype == torch.float16:
            y = y.half()
        return y * F.silu(gate)
    check_scan(scan)
    if torch.is_grad_enabled():
        return _GatedScan.apply(x, projection, *scan.parameters, *norm_gate)
    out, _, _ = scan_norm_gate_forward(scan, norm_gate, scan_backend_for(x, A_logs), keep=False)
    return out


def scan_norm_gate_forward(
    scan: ScanInput, norm_gate: NormGate, backend: str, *, keep: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Run the two kernels of `ss2d_norm_gate`, whose arguments these are, the scan's of `backend`.

    Returns:
        The result and, if `keep`, what the backward pass needs: sum over directions and the scan's states.
    """
    from cipa.ops.scan.triton.norm_gate import launch_merge_norm_gate

    gate, weight, bias, eps = norm_gate
    y, states = launcher(backend).launch_scan(scan, keep)
    out, merged = launch_merge_norm_gate(y, gate, weight, bias, eps, keep, scan.x.dtype)
    return out.view(scan.x.shape), merged, states


def norm_gate_backward(
    dout: Tensor,
    norm_gate: NormGate,
    merged: Tensor,
    recomputed: Tensor | None = None,
    dgate: Tensor | None = None,
) -> tuple[Tensor, ...]:
    """Return the gradients of the sum over directions, gate, weight and bias of `scan_norm_gate_forward`.

    Args:
        dout: gradient of its result.
        norm_gate: as it took it.
        merged: the sum that it kept.
        recomputed: filled with its result, computed once more, where given.
        dgate: takes the gate's gradient, where given; its pixels evenly spaced.
    """
    from cipa.ops.scan.triton.norm_gate import launch_norm_gate_backward

    gate, weight, bias, eps = norm_gate
    found = launch_norm_gate_backward(dout, merged, gate, weight, bias, eps, recomputed, dgate)
    return (
        found.merged.view(dout.shape), found.gate.view(gate.shape).to(gate.dtype),
        found.weight.to(weight.dtype), found.bias.to(bias.dtype),
    )  # fmt: skip


def scan_backward(scan: ScanInput, dmerged: Tensor, states: Tensor, backend: str) -> tuple[Tensor, ...]:
    """Return the gradients of x, projection, dt_weight, dt_bias, A_logs and Ds.

    Args:
        scan: what the forward pass read.
        dmerged: gradient of the sum over directions, (B, H, W, D).
        states: as `scan_norm_gate_forward` kept them.
        backend: that of the forward pass: autograd's thread does not know what a block has forced.
    """
    found = launcher(backend).launch_backward(scan, dmerged, states)
    return found.x, found.projection, found.dt_weight, found.dt_bias, found.A_logs, found.Ds


class _GatedScan(torch.autograd.Function):
    """The two kernels with their backward pass; autograd wants its arguments flat."""

    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> Tensor:
        """Return the gated map, (B, H, W, D)."""
        *tensors, directions, gate, weight, bias, eps = arguments
        scan = scan_input(*tensors, directions)
        backend = scan_backend_for(scan.x, scan.parameters.A_logs)
        out, merged, states = scan_norm_gate_forward(
            scan, NormGate(gate, weight, bias, eps), backend, keep=True
        )
        ctx.save_for_backward(*tensors, gate, weight, bias, merged, states)
        ctx.settings = directions, eps, backend
        return out

    @staticmethod
    def backward(ctx: Any, dout: Tensor) -> Any:
        """Return the gradients of the tensors, in the arguments' order."""
        *tensors, gate, weight, bias, merged, states = ctx.saved_tensors
        directions, eps, backend = ctx.settings
        dmerged, *dgated = norm_gate_backward(dout, NormGate(gate, weight, bias, eps), merged)
        dscan = scan_backward(scan_input(*tensors, directions), dmerged, states, backend)
        return (*dscan, None, *dgated, None)
