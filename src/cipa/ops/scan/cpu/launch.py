"""From tensors to the compiled scan and back: padding, layouts, buffers, threads.

Parameters as the ops take them are (K, D, ...); the kernels want channels last and a multiple of sixteen of
them.
"""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from cipa.ops.scan.cpu.backward import scan_backward
from cipa.ops.scan.cpu.forward import CHUNK, scan_forward
from cipa.ops.scan.cpu.functions import LOG2E
from cipa.ops.scan.cpu.simd import LANES
from cipa.ops.scan.cpu.threads import run_in_threads, thread_count
from cipa.ops.scan.gradients import ScanGradients
from cipa.ops.scan.parameters import ScanInput
from cipa.ops.scan.ss2d_reference import scan_order

STATES_AT_ONCE = 4
"""The kernel's state loop is unrolled by this; N is padded to a multiple with states that stay zero."""


class Laid(NamedTuple):
    """What the compiled functions read, float32 and contiguous, D padded to 16 and N to 4."""

    x: np.ndarray
    projection: np.ndarray
    dt: np.ndarray
    dt_weight: np.ndarray
    dt_bias: np.ndarray
    a: np.ndarray
    skip: np.ndarray
    orders: np.ndarray


def state_shape(
    batch: int, length: int, channels: int, directions: int, states: int, device: torch.device
) -> tuple[int, ...]:
    """Return the shape (B, K, chunks, M, D) of saved chunk starts, D and N padded; alike on any device."""
    return (
        batch, directions, -(-length // CHUNK), _round_up(states, STATES_AT_ONCE), _round_up(channels, LANES)
    )  # fmt: skip


def launch_forward(scan: ScanInput, save: bool) -> tuple[Tensor, Tensor]:
    """Scan a map on the CPU in float32.

    Args:
        scan: what it reads, in any floating type.
        save: keep the state at the start of each chunk for `launch_backward`.

    Returns:
        y (B, H, W, D) in x's type, and the chunk states (empty unless saved).
    """
    x, parameters = scan.x, scan.parameters
    inputs = _prepare(scan)
    batch, length, channels = inputs.x.shape
    y = torch.empty(batch, length, channels)
    shape = state_shape(batch, length, channels, len(parameters.directions), parameters.states, x.device)
    states = torch.empty(shape if save else (0, 0, 0, 0, 0))
    groups = _channel_groups(batch, channels)

    def work(share: int, first: int, last: int) -> None:
        """Scan the channel groups first to last of this thread's share."""
        scan_forward(first, last, groups, *inputs, states.numpy(), y.numpy())

    run_in_threads(work, batch * groups)
    return _unpad(y, x), states


def launch_backward(scan: ScanInput, dy: Tensor, states: Tensor) -> ScanGradients:
    """Return the gradients of `launch_forward`.

    Args:
        scan: what the forward pass read.
        dy: gradient of the output, (B, H, W, D).
        states: what `launch_forward` saved.

    Returns:
        The gradient of every tensor.
    """
    x, projection, parameters, dt = scan
    inputs = _prepare(scan)
    batch, _length, channels = inputs.x.shape
    groups = _channel_groups(batch, channels)
    upstream = _map(dy, channels)
    dx = np.empty_like(inputs.x)
    dprojection = np.empty((groups, *inputs.projection.shape), np.float32)
    ddt = np.empty_like(inputs.dt)
    shares = thread_count(batch * groups)
    read = (inputs.dt_weight, inputs.dt_bias, inputs.a, inputs.skip)
    sums = [np.zeros((shares, *parameter.shape), np.float32) for parameter in read]

    def work(share: int, first: int, last: int) -> None:
        """Scan the channel groups first to last of this thread's share."""
        scan_backward(
            first, last, groups, *inputs, _array(states), upstream,
            dx, dprojection, ddt, *(part[share] for part in sums),
        )  # fmt: skip

    run_in_threads(work, batch * groups)
    dt_weight, dt_bias, A_logs, Ds = parameters.tensors
    width, depth = x.shape[-1], parameters.states
    dt_weight_sum, dt_bias_sum, a_sum, skip_sum = (torch.from_numpy(part).sum(0) for part in sums)
    da = a_sum[:, :depth, :width].transpose(1, 2)
    return ScanGradients(
        x=_unpad(torch.from_numpy(dx), x),
        projection=torch.from_numpy(dprojection).sum(0).reshape(projection.shape).to(projection.dtype),
        dt=None if dt is None else _unpad(torch.from_numpy(ddt), dt),
        dt_weight=dt_weight_sum[..., :width].transpose(1, 2).to(dt_weight.dtype).contiguous(),
        dt_bias=dt_bias_sum[:, :width].to(dt_bias.dtype).contiguous(),
        A_logs=(da * -torch.exp(A_logs.float())).to(A_logs.dtype).contiguous(),
        Ds=skip_sum[:, :width].to(Ds.dtype).contiguous(),
    )


def _prepare(scan: ScanInput) -> Laid:
    x, projection, parameters, dt = scan
    batch, height, width, channels = x.shape
    dt_weight, dt_bias, A_logs, Ds = parameters.tensors
    directions = tuple(parameters.directions)
    padded = _round_up(channels, LANES)
    states = _round_up(parameters.states, STATES_AT_ONCE)
    a = (-torch.exp(A_logs.float()) * float(LOG2E)).transpose(1, 2)
    return Laid(
        x=_map(x, padded),
        projection=_array(projection.reshape(batch, height * width, len(directions), -1)),
        dt=np.empty((0, 0, 0), np.float32) if dt is None else _map(dt, padded),
        dt_weight=_array(_pad(dt_weight.transpose(1, 2), padded)),
        dt_bias=_array(_pad(dt_bias, padded)),
        a=_array(_pad(_pad(a, padded).transpose(1, 2), states).transpose(1, 2)),
        skip=_array(_pad(Ds, padded)),
        orders=_orders(directions, height, width),
    )


@lru_cache(maxsize=64)
def _orders(directions: tuple[int, ...], height: int, width: int) -> np.ndarray:
    return torch.stack([scan_order(direction, height, width) for direction in directions]).numpy()


def _channel_groups(batch: int, channels: int) -> int:
    """Cut an image's channels into shares only where there are more threads than images."""
    blocks = channels // LANES
    return min(blocks, -(-thread_count(batch * blocks) // batch))


def _map(tensor: Tensor, channels: int) -> np.ndarray:
    return _array(_pad(tensor, channels).reshape(tensor.shape[0], -1, channels))


def _pad(tensor: Tensor, size: int) -> Tensor:
    missing = size - tensor.shape[-1]
    return F.pad(tensor, (0, missing)) if missing else tensor  # F.pad copies even where nothing is added


def _unpad(padded: Tensor, like: Tensor) -> Tensor:
    return padded[..., : like.shape[-1]].reshape(like.shape).to(like.dtype).contiguous()


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.detach().to(torch.float32).contiguous().numpy()


def _round_up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple
