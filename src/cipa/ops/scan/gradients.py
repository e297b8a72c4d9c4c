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
