"""What can be precomputed before a network's first pass: `fold_model`.

Batch norms are folded into the convolutions before them, the three kernels of the patch embedding of a single
slice into one, weights are cast and laid out channels last.
"""

import copy
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from cipa.models.crm import CRM
from cipa.models.scan import SelectiveScan
from cipa.models.ss2d import SS2D
from cipa.models.vmamba import PatchEmbedding


def fold_model(model: nn.Module, dtype: torch.dtype) -> nn.Module:
    """Return a frozen copy with norms and kernels folded, cast to `dtype`, its convolutions channels last.

    What the scan reads in float32 anyway, its steps' bias, rates and skips, stays as it is, and so does the
    patch embedding, which takes float32 images: bfloat16 has fewer digits than their grey values, and rounded
    ones were most of its error (the package's network, 8 slices: Dice with float32's mask 0.993, so 0.999).
    """
    model = copy.deepcopy(model).eval().requires_grad_(False)
    kept: list[Tensor] = []
    for module in model.modules():
        if isinstance(module, nn.Sequential):
            _fold_batch_norms(module)
        elif isinstance(module, PatchEmbedding):
            if module.slices == 1:
                grey = module.projection.weight.sum(1, keepdim=True)
                module.projection.weight = nn.Parameter(grey, requires_grad=False)
            module.dtype = dtype
            kept += module.parameters()
        elif isinstance(module, SelectiveScan):
            kept += (module.dt_bias, module.A_logs, module.Ds)
        elif isinstance(module, CRM):
            _fold_map_norm(module)
    exact = {id(tensor): tensor.data for tensor in kept}
    model = model.to(dtype=dtype)
    for tensor in model.parameters():
        if id(tensor) in exact:
            tensor.data = exact[id(tensor)]
    model = cast(Any, model).to(memory_format=torch.channels_last)
    for module in model.modules():
        if isinstance(module, SS2D):
            module.depthwise.weight.data = _by_tap(module.depthwise.weight)
    return model


def _by_tap(weight: Tensor) -> Tensor:
    """Lay (D, 1, 3, 3) out in memory as (9, D), as the kernel reads it: no pass copies it then."""
    return weight.reshape(len(weight), 9).t().contiguous().t().view(len(weight), 1, 3, 3)


def _fold_map_norm(crm: CRM) -> None:
    """Let the projection of a channel's map do what its norm did to single pixels."""
    norm, proj = crm.map_norm, crm.map_proj
    proj.bias.data = proj.bias + proj.weight @ norm.bias
    proj.weight.data = proj.weight * norm.weight
    crm.map_norm = nn.LayerNorm(norm.normalized_shape, norm.eps, elementwise_affine=False)


def _fold_batch_norms(sequence: nn.Sequential) -> None:
    children = list(sequence)
    for place in range(len(children) - 1):
        first, second = children[place], children[place + 1]
        if isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d):
            sequence[place] = fuse_conv_bn_eval(first, second)
            sequence[place + 1] = nn.Identity()
