"""AdamW and its two parameter groups: with weight decay and without."""

import torch
from torch import nn

from cipa.training.recipe import OptimisationRecipe

NORMS = (nn.LayerNorm, nn.GroupNorm, nn.modules.batchnorm._NormBase)
LAYERS = (nn.Linear, nn.modules.conv._ConvNd, *NORMS)
STATE_SPACE = ("A_logs", "Ds")
"""The scan's A and D: VMamba and Mamba exempt them from decay, as they are no weights of a matrix product."""
POSITION_BIAS = "relative_position_bias_table"
"""Swin's additive bias of attention by distance, exempt in its authors' training code."""


def build_optimizer(model: nn.Module, recipe: OptimisationRecipe) -> torch.optim.AdamW:
    """Make AdamW over the parameters of `model` that `recipe` trains.

    With `recipe.parameters == "published"` the parameters left out are frozen (`requires_grad` False), which
    gives the released code's result, where they had gradients and no optimiser, at less work.

    Args:
        model: unwrapped network on its final device.
        recipe: gives lr, betas, eps, weight_decay and parameters.

    Returns:
        The optimiser: group 0 has weight decay, group 1 has none.
    """
    for parameter in raw_parameters(model) if recipe.parameters == "published" else ():
        parameter.requires_grad_(False)
    with_decay, without = split_by_decay(model)
    groups = [
        {"params": with_decay, "weight_decay": recipe.weight_decay},
        {"params": without, "weight_decay": 0.0},
    ]
    # fused: one loop over memory a tensor; on a CPU the default took a twentieth of a `nano` step
    return torch.optim.AdamW(groups, lr=recipe.lr, betas=recipe.betas, eps=recipe.eps, fused=True)


def split_by_decay(model: nn.Module) -> tuple[list[nn.Parameter], list[nn.Parameter]]:
    """Split trained parameters into those with decay and those without: biases, norms, the scan's A and D."""
    with_decay: list[nn.Parameter] = []
    without: list[nn.Parameter] = []
    for module in model.modules():
        for name, parameter in module.named_parameters(recurse=False):
            exempt = (
                isinstance(module, NORMS) or name.endswith("bias") or name in (*STATE_SPACE, POSITION_BIAS)
            )
            if parameter.requires_grad:
                (without if exempt or parameter.ndim < 2 else with_decay).append(parameter)
    return with_decay, without


def raw_parameters(model: nn.Module) -> list[nn.Parameter]:
    """List the parameters that the released training code leaves out of its optimiser.

    That code groups parameters by the layer that holds them, linear, convolution or norm. Those held by any
    other module (the scan's projections of the step, A and D, and a block's two residual scales) fall
    through: 219 of the 776 tensors of the tiny network, 8.67 million numbers.
    """
    return [
        parameter
        for module in model.modules()
        if not isinstance(module, LAYERS)
        for parameter in module.parameters(recurse=False)
    ]
