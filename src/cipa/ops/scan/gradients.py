"""What every backend of the scan's backward pass returns."""

from typing import NamedTuple

from torch import Tensor


class ScanGradients(NamedTuple):
    """Gradients in the shapes and types of the forward pass's arguments, contiguous.

    Attributes:
        x: (B, H, W, D).
        projection: (B, H, W, K, R + 2 N).
        dt: (B, H, W, D), None where the step came from the dt projection.
        dt_weight: (K, D, R).
        dt_bias: (K, D).
        A_logs: (K, D, N).
        Ds: (K, D).
    """

    x: Tensor
    projection: Tensor
    dt: Tensor | None
    dt_weight: Tensor
    dt_bias: Tensor
    A_logs: Tensor
    Ds: Tensor


class WalkGradients(NamedTuple):
    """What the walks of a GPU's backward pass leave, not yet summed; letters as above, L = H W.

    Attributes:
        dx: of x, each direction's part, (B, L, K, D).
        d_raw: of the step before bias and softplus, (B, L, K, D).
        dvalues: of B and C, for each block of channels, (B, L, K, blocks, 2 N), float32.
        dA_logs: (groups, chunks, K, N, D), float32, in parts to be added up like the next two.
        dbias: (groups, chunks, K, D).
        dskip: (groups, chunks, K, D).
    """

    dx: Tensor
    d_raw: Tensor
    dvalues: Tensor
    dA_logs: Tensor
    dbias: Tensor
    dskip: Tensor
