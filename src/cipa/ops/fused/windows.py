"""Maps cut into square windows and back, with the norm or sums beside it: `window_norm`, `add_windows`."""

import torch
import torch.nn.functional as F
from torch import Tensor

from cipa.ops.backend import backend_for, require_fit
from cipa.ops.fused.add_norm import EPS, compute_dtype


def window_norm(x: Tensor, side: int, weight: Tensor, bias: Tensor, eps: float = EPS) -> Tensor:
    """Cut a map into windows and normalise each over all its values.

    Args:
        x: (B, H, W, C), H and W multiples of `side`.
        side: pixels of a window's side, a power of two.
        weight: LayerNorm's, by row, column and channel of a window, (side^2 C,).
        bias: likewise.
        eps: added to the variance.

    Returns:
        Windows, row by row, (B N_w, side, side, C), in the type autocast computes in where it is on, else in
        x's.

    Raises:
        ValueError: a shape or device that does not fit, named.
    """
    height, width = x.shape[1:3]
    if height % side or width % side:
        raise ValueError(f"window_norm: a map of {height} x {width} has no whole windows of {side} x {side}")
    size = (side * side * x.shape[-1],)
    require_fit("window_norm", x, {"weight": (weight, size), "bias": (bias, size)})
    if backend_for(x) == "triton" and not torch.is_grad_enabled():
        from cipa.ops.fused.windows_triton import launch_window_norm

        return launch_window_norm(x, side, weight, bias, eps, compute_dtype(x))
    windows = cut_windows(x, side)
    return F.layer_norm(windows.flatten(1), size, weight, bias, eps).view_as(windows)


def add_windows(x: Tensor, y: Tensor, z: Tensor, windows: Tensor, regions: Tensor) -> Tensor:
    """Put windows back in their places and add three maps, and to each window its region's value.

    Args:
        x: (B, H, W, C).
        y: (B, H, W, C).
        z: (B, H, W, C).
        windows: as `window_norm` cuts them, (B N_w, side, side, C).
        regions: a pixel a window, (B, H / side, W / side, C).

    Returns:
        x + y + z + windows + regions, (B, H, W, C), in x's type.

    Raises:
        ValueError: a shape or device that does not fit, named.
    """
    batch, rows, columns, channels = regions.shape
    side = windows.shape[1]
    shape = (batch, rows * side, columns * side, channels)
    require_fit(
        "add_windows",
        regions,
        {
            "x": (x, shape),
            "y": (y, shape),
            "z": (z, shape),
            "windows": (windows, (batch * rows * columns, side, side, channels)),
        },
    )
    if backend_for(x) == "triton" and not torch.is_grad_enabled():
        from cipa.ops.fused.windows_triton import launch_add_windows

        return launch_add_windows(x, y, z, windows, regions)
    total = windows + regions.reshape(-1, 1, 1, channels)
    return (x + y + (z + join_windows(total, batch, rows, columns))).to(x.dtype)


def cut_windows(x: Tensor, side: int) -> Tensor:
    """Cut a map into windows, row by row: (B, H, W, C) -> (B N_w, side, side, C)."""
    batch, height, width, channels = x.shape
    grid = x.reshape(batch, height // side, side, width // side, side, channels)
    return grid.transpose(2, 3).reshape(-1, side, side, channels)


def join_windows(windows: Tensor, batch: int, rows: int, columns: int) -> Tensor:
    """Undo `cut_windows`: (B N_w, side, side, C) -> (B, side rows, side columns, C)."""
    side, channels = windows.shape[-2:]
    grid = windows.reshape(batch, rows, columns, side, side, channels)
    return grid.transpose(2, 3).reshape(batch, rows * side, columns * side, channels)
