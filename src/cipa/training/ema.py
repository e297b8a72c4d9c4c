"""A running average of the weights, to validate and keep instead of the last ones."""

from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


def average_of(model: nn.Module, decay: float) -> AveragedModel:
    """Start an exponential moving average of `model`: average = decay * average + (1 - decay) * weights.

    Batch normalisation's running statistics are averaged with the parameters they belong to. Make it before
    the model is wrapped for devices or precision: the average is a copy and is evaluated by itself.

    Args:
        model: unwrapped network on its final device.
        decay: in (0, 1); 0.999 averages over about a thousand steps.

    Returns:
        torch's AveragedModel: `.update_parameters(model)` after each step, `.module` is the averaged network.
    """
    return AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(decay), use_buffers=True)
