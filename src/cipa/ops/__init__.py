"""The selective scan (S6), its two-dimensional form SS2D, and the fused passes around it.

Public: `selective_scan`, `ss2d`, `ss2d_norm_gate`, `ss2d_block`, `project`, `depthwise_silu`,
`add_norm`, `add_branch`, `bias_gelu`, `bias_relu`, `channel_factors`, `embed_norm`, `map_tokens`, `amplify`,
`merge_norm`, `window_norm`, `add_windows`, `upsample2`, `upsample2_norm_project`, and the choice of kernels
(`CIPA_BACKEND`, `use_backend`). The ops work on tensors and know nothing of images or medicine;
`scan/ss2d.md` has the mathematics.
"""

from cipa.ops.backend import use_backend
from cipa.ops.fused.add_norm import add_branch, add_norm
from cipa.ops.fused.bias_activation import bias_gelu, bias_relu
from cipa.ops.fused.channel_factors import channel_factors
from cipa.ops.fused.depthwise_silu import depthwise_silu
from cipa.ops.fused.embed_norm import embed_norm
from cipa.ops.fused.map_tokens import amplify, map_tokens
from cipa.ops.fused.merge_norm import merge_norm
from cipa.ops.fused.scaled_branch import ScaledBranch
from cipa.ops.fused.upsample import upsample2, upsample2_norm_project
from cipa.ops.fused.windows import add_windows, window_norm
from cipa.ops.scan.block import project, ss2d_block
from cipa.ops.scan.norm_gate import ss2d_norm_gate
from cipa.ops.scan.selective_scan import selective_scan
from cipa.ops.scan.ss2d import ss2d

__all__ = [
    "ScaledBranch",
    "add_branch",
    "add_norm",
    "add_windows",
    "amplify",
    "bias_gelu",
    "bias_relu",
    "channel_factors",
    "depthwise_silu",
    "embed_norm",
    "map_tokens",
    "merge_norm",
    "project",
    "selective_scan",
    "ss2d",
    "ss2d_block",
    "ss2d_norm_gate",
    "upsample2",
    "upsample2_norm_project",
    "use_backend",
    "window_norm",
]
