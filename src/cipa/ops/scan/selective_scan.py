"""The selective scan over one sequence, as PyTorch custom ops on the same CPU kernel as SS2D."""

from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import register_flop_formula

from cipa.ops.backend import launcher, scan_backend_for
from cipa.ops.scan.parameters import ScanInput, ScanParameters
from cipa.ops.scan.selective_scan_reference import selective_scan_reference


def selective_scan(
    u: Tensor, dt: Tensor, A_logs: Tensor, B: Tensor, C: Tensor, D: Tensor, dt_bias: Tensor
) -> Tensor:
    """Run the S6 recurrence over a channel-last sequence (Mamba, arXiv 2312.00752, eq. 2, Euler step for B).

    delta = softplus(dt + dt_bias); A = -exp(A_logs); h_l = exp(delta_l A) h_{l-1} + delta_l B_l u_l;
    y_l = <C_l, h_l> + D u_l; h_0 = 0. State and exponential are float32 whatever the input; float64 runs the
    reference. Differentiable once.

    Args:
        u: sequence, (batch, L, channels), any floating type.
        dt: step before bias and softplus, (batch, L, channels).
        A_logs: log of -A, (channels, N).
        B: input weights of each position, (batch, L, N).
        C: output weights of each position, (batch, L, N).
        D: skip weight, (channels,).
        dt_bias: (channels,).

    Returns:
        y, (batch, L, channels), in u's type.

    Raises:
        ValueError: shapes that do not fit together, named.
        UsageError: a forced kernel that cannot run on this tensor.
    """
    _check(u, dt, A_logs, B, C, D, dt_bias)
    arguments = (u, dt, A_logs, B, C, D, dt_bias)
    backend = scan_backend_for(u, A_logs)
    if backend == "reference":
        return selective_scan_reference(*arguments)
    save = torch.is_grad_enabled() and any(argument.requires_grad for argument in arguments)
    y, _ = selective_scan_forward(*arguments, save, backend)
    return y


SCHEMA = "Tensor u, Tensor dt, Tensor A_logs, Tensor B, Tensor C, Tensor D, Tensor dt_bias"


@torch.library.custom_op(
    "cipa::selective_scan_forward",
    mutates_args=(),
    schema=f"({SCHEMA}, bool save, str backend) -> (Tensor, Tensor)",
)
def selective_scan_forward(*arguments: Any) -> tuple[Tensor, Tensor]:
    """Return y and, if `save`, the state at each chunk's start (see `selective_scan`), by `backend`."""
    *tensors, save, backend = arguments
    y, states = launcher(backend).launch_forward(_as_map(*tensors), save)
    return y.view(tensors[0].shape), states


@selective_scan_forward.register_fake
def _(u: Tensor, dt: Tensor, A_logs: Tensor, *others: Any) -> tuple[Tensor, Tensor]:
    *_, save, backend = others
    batch, length, channels = u.shape
    shape = launcher(backend).state_shape(batch, length, channels, 1, A_logs.shape[-1], u.device)
    states = u.new_empty(shape if save else (0, 0, 0, 0, 0), dtype=torch.float32)
    return torch.empty_like(u, memory_format=torch.contiguous_format), states


@torch.library.custom_op(
    "cipa::selective_scan_backward",
    mutates_args=(),
    schema=f"(Tensor dy, {SCHEMA}, Tensor states, str backend)"
    " -> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)",
)
def selective_scan_backward(dy: Tensor, *arguments: Any) -> tuple[Tensor, ...]:
    """Return the gradients of u, dt, A_logs, B, C, D and dt_bias."""
    *tensors, states, backend = arguments
    gradients = launcher(backend).launch_backward(_as_map(*tensors), dy.unsqueeze(1), states)
    _, _, _, B, C, _, _ = tensors
    dB, dC = gradients.projection.view(*B.shape[:2], -1).split(B.shape[-1], dim=-1)
    assert gradients.dt is not None  # the step was given, so it has a gradient
    return (
        gradients.x.squeeze(1), gradients.dt.squeeze(1), gradients.A_logs.squeeze(0),
        dB.to(B.dtype).clone(), dC.to(C.dtype).clone(),  # two views of one tensor may not leave an op
        gradients.Ds.squeeze(0), gradients.dt_bias.squeeze(0),
    )  # fmt: skip


@selective_scan_backward.register_fake
def _(dy: Tensor, *arguments: Any) -> tuple[Tensor, ...]:
    *tensors, _states, _backend = arguments
    return tuple(torch.empty_like(one, memory_format=torch.contiguous_format) for one in tensors)


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    *tensors, ctx.saved, ctx.backend = inputs
    ctx.save_for_backward(*tensors, output[1])


def _backward(ctx: Any, dy: Tensor, _dstates: Tensor) -> tuple[Tensor | None, ...]:
    if not ctx.saved:
        raise RuntimeError(
            "cipa::selective_scan_forward ran with save=False and has no backward: call selective_scan"
        )
    *tensors, states = ctx.saved_tensors
    return (*selective_scan_backward(dy, *tensors, states, ctx.backend), None, None)


selective_scan_forward.register_autograd(_backward, setup_context=_setup_context)


@register_flop_formula(torch.ops.cipa.selective_scan_forward)
def _flops(u: Any, dt: Any, A_logs: Any, *_: Any, **__: Any) -> int:
    """Count 6 operations a state update, the exponential apart."""
    batch, length, channels = u
    return 6 * batch * length * channels * A_logs[-1]


def _as_map(
    u: Tensor, dt: Tensor, A_logs: Tensor, B: Tensor, C: Tensor, D: Tensor, dt_bias: Tensor
) -> ScanInput:
    """Return the sequence as a map of one row, with one direction and a dt projection of rank 0."""
    no_weight = A_logs.new_empty(1, A_logs.shape[0], 0)
    projection = torch.cat([B.float(), C.float()], dim=-1)[:, None, :, None]
    parameters = ScanParameters(no_weight, dt_bias[None], A_logs[None], D[None], (0,))
    return ScanInput(u[:, None], projection, parameters, dt[:, None])


def _check(u: Tensor, dt: Tensor, A_logs: Tensor, B: Tensor, C: Tensor, D: Tensor, dt_bias: Tensor) -> None:
    if u.dim() != 3 or A_logs.dim() != 2:
        raise ValueError(
            "selective_scan: u must be (batch, L, channels) and A_logs (channels, N), got "
            f"{tuple(u.shape)}, {tuple(A_logs.shape)}"
        )
    batch, length, channels = u.shape
    states = A_logs.shape[1]
    expected = {
        "dt": (dt, (batch, length, channels)),
        "A_logs": (A_logs, (channels, states)),
        "B": (B, (batch, length, states)),
        "C": (C, (batch, length, states)),
        "D": (D, (channels,)),
        "dt_bias": (dt_bias, (channels,)),
    }
    for name, (tensor, shape) in expected.items():
        if tuple(tensor.shape) != shape:
            raise ValueError(
                f"selective_scan: {name} is {tuple(tensor.shape)}, must be {shape} for u {tuple(u.shape)}"
            )
        if tensor.device != u.device:
            raise ValueError(f"selective_scan: {name} is on {tensor.device}, u on {u.device}: move one")
