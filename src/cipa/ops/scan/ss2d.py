"""SS2D's scan as PyTorch custom ops: a forward, a backward, and what torch.compile must know of them."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils.flop_counter import register_flop_formula

from cipa.ops.backend import is_fused_on_cpu, launcher, scan_backend_for
from cipa.ops.scan.parameters import SCHEMA, ScanInput, ScanParameters, scan_input
from cipa.ops.scan.ss2d_reference import ss2d_reference

ALL_DIRECTIONS = (0, 1, 2, 3)
"""Row by row, column by column, and the reverse of each: VMamba's cross-scan."""

NO_STATES = (0, 0, 0, 0, 0)
"""Shape of the chunk states that are not saved."""


def ss2d(
    x: Tensor,
    projection: Tensor,
    dt_weight: Tensor,
    dt_bias: Tensor,
    A_logs: Tensor,
    Ds: Tensor,
    directions: Sequence[int] = ALL_DIRECTIONS,
) -> Tensor:
    """Scan a channel-last map along each direction and sum the results (VMamba, arXiv 2401.10166, SS2D).

    Nothing is copied into scan order: the map and its projections are read where they lie, once per
    direction. State and exponential are float32 whatever the input; float64 runs the reference.
    Differentiable once.

    Args:
        x: map, (B, H, W, D), any floating type.
        projection: for each pixel and direction the values [dt_low R, B N, C N], (B, H, W, K, R + 2N).
        dt_weight: the dt projection, from dt_low to the step of each channel, (K, D, R).
        dt_bias: added before the softplus, (K, D).
        A_logs: log of -A, (K, D, N).
        Ds: skip weight, (K, D).
        directions: K codes: 0 row by row, 1 column by column, 2 and 3 the reverse of 0 and 1.

    Returns:
        The sum over directions, each put back in place, (B, H, W, D), in x's type.

    Raises:
        ValueError: shapes that do not fit together, named.
        UsageError: a forced kernel that cannot run on this tensor.
    """
    scan = ScanInput(x, projection, ScanParameters(dt_weight, dt_bias, A_logs, Ds, directions))
    check_scan(scan)
    arguments = (x, projection, *scan.parameters.tensors)
    backend = scan_backend_for(x, A_logs)
    if backend == "reference":
        return ss2d_reference(*arguments, directions)
    if backend == "cpu" and is_fused_on_cpu(x):  # a custom op takes 70 us to be called, most of some scans
        return launcher(backend).launch_forward(scan, save=False)[0]
    save = torch.is_grad_enabled() and any(argument.requires_grad for argument in arguments)
    y, _ = ss2d_forward(*arguments, list(directions), save, backend)
    return y


@torch.library.custom_op(
    "cipa::ss2d_forward", mutates_args=(), schema=f"({SCHEMA}, bool save, str backend) -> (Tensor, Tensor)"
)
def ss2d_forward(*arguments: Any) -> tuple[Tensor, Tensor]:
    """Return y and, if `save`, the state at each chunk's start (see `ss2d`), by the kernels of `backend`.

    An exported program says `auto`: the device it runs on need not be the one it was exported on.
    """
    *tensors, directions, save, backend = arguments
    scan = scan_input(*tensors, directions)
    if backend == "auto":
        backend = scan_backend_for(scan.x, scan.parameters.A_logs)
    if backend == "reference":
        if save:
            raise RuntimeError("cipa::ss2d_forward: the reference saves no states; call cipa.ops.ss2d")
        y = ss2d_reference(scan.x, scan.projection, *scan.parameters)
        return y, scan.x.new_empty(NO_STATES, dtype=torch.float32)
    return launcher(backend).launch_forward(scan, save)


@ss2d_forward.register_fake
def _(*arguments: Any) -> tuple[Tensor, Tensor]:
    *scan, save, backend = arguments
    x, _, parameters, _ = scan_input(*scan)
    batch, height, width, channels = x.shape
    shape = NO_STATES
    if save:
        directions = len(parameters.directions)
        shape = launcher(backend).state_shape(
            batch, height * width, channels, directions, parameters.states, x.device
        )
    states = x.new_empty(shape, dtype=torch.float32)
    return torch.empty_like(x, memory_format=torch.contiguous_format), states


@torch.library.custom_op(
    "cipa::ss2d_backward",
    mutates_args=(),
    schema=f"(Tensor dy, {SCHEMA}, Tensor states, str backend)"
    " -> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)",
)
def ss2d_backward(dy: Tensor, *arguments: Any) -> tuple[Tensor, ...]:
    """Return the gradients of x, projection, dt_weight, dt_bias, A_logs and Ds."""
    *scan, states, backend = arguments
    found = launcher(backend).launch_backward(scan_input(*scan), dy, states)
    return found.x, found.projection, found.dt_weight, found.dt_bias, found.A_logs, found.Ds


@ss2d_backward.register_fake
def _(dy: Tensor, *arguments: Any) -> tuple[Tensor, ...]:
    *tensors, _directions, _states, _backend = arguments
    return tuple(torch.empty_like(one, memory_format=torch.contiguous_format) for one in tensors)


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    *tensors, ctx.directions, ctx.saved, ctx.backend = inputs
    ctx.save_for_backward(*tensors, output[1])


def _backward(ctx: Any, dy: Tensor, _dstates: Tensor) -> tuple[Tensor | None, ...]:
    if not ctx.saved:
        raise RuntimeError("cipa::ss2d_forward ran with save=False: it has no backward; call cipa.ops.ss2d")
    *tensors, states = ctx.saved_tensors
    return (*ss2d_backward(dy, *tensors, ctx.directions, states, ctx.backend), None, None, None)


ss2d_forward.register_autograd(_backward, setup_context=_setup_context)


@register_flop_formula(torch.ops.cipa.ss2d_forward)
def _flops(x: Any, projection: Any, dt_weight: Any, dt_bias: Any, A_logs: Any, *_: Any, **__: Any) -> int:
    """Count 6 operations a state update (exponential apart) and the dt projection's multiply and add."""
    batch, height, width, _channels = x
    directions, channels, states = A_logs
    rank = dt_weight[-1]
    return batch * height * width * directions * channels * (6 * states + 2 * rank)


def check_scan(scan: ScanInput) -> None:
    """Raise `ValueError` naming the first of the arguments of `ss2d` that does not fit the others."""
    x, projection, (dt_weight, dt_bias, A_logs, Ds, directions), _ = scan
    if x.dim() != 4 or A_logs.dim() != 3 or dt_weight.dim() != 3:
        raise ValueError(
            "ss2d: x must be (B, H, W, D), A_logs (K, D, N) and dt_weight (K, D, R), got "
            f"{tuple(x.shape)}, {tuple(A_logs.shape)}, {tuple(dt_weight.shape)}"
        )
    if not directions or any(direction not in ALL_DIRECTIONS for direction in directions):
        raise ValueError(f"ss2d: directions {tuple(directions)} must be one or more of {ALL_DIRECTIONS}")
    count, channels, states, rank = len(directions), x.shape[3], A_logs.shape[2], dt_weight.shape[2]
    expected = {
        "projection": (projection, (*x.shape[:3], count, rank + 2 * states)),
        "dt_weight": (dt_weight, (count, channels, rank)),
        "dt_bias": (dt_bias, (count, channels)),
        "A_logs": (A_logs, (count, channels, states)),
        "Ds": (Ds, (count, channels)),
    }
    for name, (tensor, shape) in expected.items():
        if tuple(tensor.shape) != shape:
            raise ValueError(f"ss2d: {name} is {tuple(tensor.shape)}, must be {shape} for x {tuple(x.shape)}")
        if tensor.device != x.device:
            raise ValueError(f"ss2d: {name} is on {tensor.device}, x on {x.device}: move one")
