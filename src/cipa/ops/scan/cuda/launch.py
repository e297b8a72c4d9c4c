"""From tensors to the CUDA scan and back; what it does not take, or cannot, Triton's scan does.

Around the scan both run the same kernels of Triton: dt projection, joining of chunks, sums over directions.
The kept states are the same too: either can do the backward pass of the other's forward pass.

Letters: B images, H x W map, L = H W, D channels, K directions, R rank of the step, N states, S chunks.
"""

import warnings
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
from torch import Tensor

from cipa.errors import UsageError
from cipa.ops.backend import requested_backend
from cipa.ops.scan.cuda.backward import run_backward
from cipa.ops.scan.cuda.backward_plan import backward_plan
from cipa.ops.scan.cuda.errors import CudaUnavailable
from cipa.ops.scan.cuda.forward import ENDS, PASSES, Walks, run_chunk_ends, run_scan
from cipa.ops.scan.cuda.plan import forward_layout, forward_plan
from cipa.ops.scan.gradients import ScanGradients, WalkGradients
from cipa.ops.scan.parameters import ScanInput
from cipa.ops.scan.triton.inputs import Prepared, prepare
from cipa.ops.scan.triton.launch import (
    backward_prepared,
    join_borders,
    new_states,
    scan_prepared,
    state_shape,
    sum_gradients,
)
from cipa.ops.scan.triton.merge_directions import merge_directions
from cipa.ops.scan.triton.plan import multiprocessors

__all__ = ["launch_backward", "launch_forward", "launch_scan", "state_shape"]

Result = TypeVar("Result")


def launch_forward(scan: ScanInput, save: bool) -> tuple[Tensor, Tensor]:
    """Scan a map on a GPU along every direction and sum; see `launch_scan`."""
    y, saved = launch_scan(scan, save)
    return merge_directions(y).view(scan.x.shape).to(scan.x.dtype), saved


def launch_scan(scan: ScanInput, save: bool) -> tuple[Tensor, Tensor]:
    """Scan a map on a GPU: arguments and results of `cipa.ops.scan.triton.launch.launch_scan`.

    Raises:
        UsageError: the backend is forced and cannot run.
    """
    x, directions, inputs = scan.x, scan.parameters.directions, prepare(scan)
    return _first_of(
        x.device,
        lambda: scan_walks(inputs, x, directions, save),
        lambda: scan_prepared(inputs, x, directions, save),
    )


def launch_backward(scan: ScanInput, dy: Tensor, states: Tensor) -> ScanGradients:
    """Gradients of `launch_forward`: arguments and results of Triton's `launch_backward`.

    Raises:
        UsageError: the backend is forced and cannot run.
    """
    x, directions, inputs = scan.x, scan.parameters.directions, prepare(scan)
    upstream = dy.reshape(inputs.x.shape).contiguous()
    walked = _first_of(
        x.device,
        lambda: walk_back(inputs, upstream, x, directions, states),
        lambda: backward_prepared(inputs, upstream, x, directions, states),
    )
    return sum_gradients(walked, scan)


def scan_walks(inputs: Prepared, x: Tensor, directions: Sequence[int], save: bool) -> tuple[Tensor, Tensor]:
    """Return y (B, L, K, D) and the kept states, by the CUDA kernels.

    Raises:
        CudaUnavailable: they cannot be compiled or loaded here.
    """
    walks = _walks(inputs.x, inputs, x, directions)
    batch, length, count, channels = inputs.delta.shape
    size = x.element_size()
    layout, pieces = forward_plan(
        batch, length, channels, count, inputs.A_logs.shape[-1], size, size, multiprocessors(x.device)
    )
    # What enters each chunk, (B, S, K, N, D): a first pass from zero, then a small kernel joins the chunks.
    starts = None
    if pieces.chunks > 1:
        starts, sums = run_chunk_ends(walks, layout, pieces, ENDS)
        join_borders(starts, sums, inputs.A_logs, forwards=True)
    # Kept in Triton's layout, so that either backend can do the backward pass of the other's forward pass.
    saved = new_states(inputs, save)
    return run_scan(walks, layout, pieces, starts, saved if saved.numel() else None), saved


def walk_back(
    inputs: Prepared, upstream: Tensor, x: Tensor, directions: Sequence[int], states: Tensor
) -> WalkGradients:
    """Return the gradients of the walks, by the CUDA kernels.

    Raises:
        CudaUnavailable: they cannot be compiled or loaded here.
    """
    walks = _walks(inputs.x, inputs, x, directions)
    # (B, L, D); autograd may hand over a view that begins anywhere
    upstream = _aligned(upstream)
    batch, length, count, channels = inputs.delta.shape
    depth, size = inputs.A_logs.shape[-1], x.element_size()
    layout, cut = backward_plan(
        batch, length, channels, count, depth, size, upstream.element_size(), multiprocessors(x.device)
    )
    # What reaches each chunk from beyond its last position, (B, S, K, N, D): the walk taken from its end.
    passes = None
    if cut.chunks > 1:
        first = forward_layout(
            batch * count * channels, length, channels, depth, upstream.element_size(), size, cut=True
        )
        passes, sums = run_chunk_ends(_walks(upstream, inputs, x, directions), first, cut, PASSES)
        join_borders(passes, sums, inputs.A_logs, forwards=False)
    return run_backward(walks, upstream, layout, cut, states, passes)


def _walks(source: Tensor, inputs: Prepared, x: Tensor, directions: Sequence[int]) -> Walks:
    return Walks(
        _aligned(source), inputs.delta, inputs.values, inputs.A_logs.float(), inputs.skip.float(),
        x.shape[1], x.shape[2], directions,
    )  # fmt: skip


def _aligned(tensor: Tensor) -> Tensor:
    """Return the tensor, copied where it does not begin at a multiple of 16 bytes, which are read at once."""
    return tensor if tensor.data_ptr() % 16 == 0 else tensor.clone()


_failed: dict[torch.device, str] = {}


def _first_of(device: torch.device, cuda: Callable[[], Result], triton: Callable[[], Result]) -> Result:
    """Return what the CUDA kernels give or, with one warning, what Triton's give where those cannot run."""
    forced = requested_backend() == "cuda"
    if device not in _failed or forced:
        try:
            return cuda()
        except CudaUnavailable as error:
            if forced:
                raise UsageError(f"CIPA_BACKEND=cuda: {error}; unset it") from error
            # A GPU is given up once and for all: NVRTC would be searched for and asked again in every pass.
            _failed[device] = str(error)
            warnings.warn(f"{error}: Triton's scan runs, right but slower", RuntimeWarning, stacklevel=4)
    return triton()
