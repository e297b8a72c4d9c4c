"""The selective scan (S6) and its two-dimensional form SS2D as PyTorch custom ops.

Public: `selective_scan`, `ss2d`, and the choice of kernels (`CIPA_KERNELS`, `use_kernels`). The ops know
tensors only, nothing of images or medicine; each folder's README holds the mathematics.
"""

from cipa.ops.kernels import use_kernels
from cipa.ops.selective_scan import selective_scan
from cipa.ops.ss2d import ss2d

__all__ = ["selective_scan", "ss2d", "use_kernels"]
