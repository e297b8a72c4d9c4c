"""The selective scan (S6), its two-dimensional form SS2D, and the fused passes around it.

Public: `selective_scan`, `ss2d`, `ss2d_norm_gate`, `conv_scan_project`, `project`, `depthwise_silu`,
`add_norm`, `add_branch`, `bias_gelu`, `bias_relu`, `channel_factors`, `embed_norm`, `map_tokens`, `amplify`,
`merge_norm`, `window_norm`, `add_windows`, `upsample2`, `upsample2_norm_project`, and the choice of kernels
(`CIPA_KERNELS`, `use_kernels`). The ops know tensors only, nothing of images or medicine; each folder's
README holds the mathematics.
"""

from cipa.ops.add_norm import ScaledBranch, add_branch, add_norm
from cipa.ops.bias_activation import bias_gelu, bias_relu
from cipa.ops.channel_factors import channel_factors
from cipa.ops.conv_scan import conv_scan_project, project
from cipa.ops.depthwise_silu import depthwise_silu
from cipa.ops.embed_norm import embed_norm
from cipa.ops.gated_scan import ss2d_norm_gate
from cipa.ops.kernels import use_kernels
from cipa.ops.map_tokens import amplify, map_tokens
from cipa.ops.merge_norm import merge_norm
from cipa.ops.selective_scan import selective_scan
from cipa.ops.ss2d import ss2d
from cipa.ops.upsample import upsample2, upsample2_norm_project
from cipa.ops.windows import add_windows, window_norm

__all__ = [
    "ScaledBranch",
    "add_branch",
    "add_norm",
    "add_windows",
    "amplify",
    "bias_gelu",
    "bias_relu",
    "channel_factors",
    "conv_scan_project",
    "depthwise_silu",
    "embed_norm",
    "map_tokens",
    "merge_norm",
    "project",
    "selective_scan",
    "ss2d",
    "ss2d_norm_gate",
    "upsample2",
    "upsample2_norm_project",
    "use_kernels",
    "window_norm",
]
