"""float32 products of a frozen network on tensor cores: `SplitMatmul`."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from cipa.models.layers import channels_first, channels_last
from cipa.ops.backend import backend_for

FEWEST_CHANNELS, MOST_CHANNELS = 24, 2048
"""Rows shorter are bound by memory; sums longer would need more programs than a tile's one."""
LARGEST = 2**31
"""Values of a map: the kernel's offsets are 32 bits."""


class SplitMatmul(TorchFunctionMode):
    """While entered, linear layers and 3x3 convolutions run by `split_matmul_triton` where they can.

    A mode, and not other modules in place of the layers: the networks call `F.linear` with parts of their
    parameters as well. Each weight is split when first met, and kept.

    Args:
        model: frozen; only what multiplies its parameters is taken.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self._parameters = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
        self._splits: dict[tuple[Any, ...], Any] = {}

    def __torch_function__(
        self, function: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Run a function of PyTorch, or the kernel in its place."""
        kwargs = kwargs or {}
        if function is F.linear and not kwargs:
            x, weight, bias = (*args, None)[:3]
            if weight.dim() == 2 and self._takes(x, weight, x.shape[-1]):
                return self._multiply(x, weight, bias)
        elif function is F.conv2d and not kwargs and len(args) == 7:
            x, weight, bias, stride, padding, dilation, groups = args
            plain = weight.shape[2:] == (3, 3) and padding == (1, 1) and dilation == (1, 1) and groups == 1
            if plain and stride in ((1, 1), (2, 2)) and x.dim() == 4 and self._takes(x, weight, x.shape[1]):
                return channels_first(self._multiply(channels_last(x), weight, bias, stride[0]))
        return function(*args, **kwargs)

    def _takes(self, x: Tensor, weight: Tensor, channels: int) -> bool:
        outputs = len(weight)
        return (
            x.dtype == weight.dtype == torch.float32
            and FEWEST_CHANNELS <= channels <= MOST_CHANNELS
            and channels % 8 == 0
            and outputs > 1
            and x.numel() // channels * max(channels, outputs) < LARGEST
            and weight.untyped_storage().data_ptr() in self._parameters
            and backend_for(x) == "triton"
        )

    def _multiply(self, x: Tensor, weight: Tensor, bias: Tensor | None, stride: int = 1) -> Tensor:
        from cipa.ops.fused.split_matmul_triton import launch_product, split_weight

        key = (weight.data_ptr(), weight.shape, weight.stride())
        if key not in self._splits:
            self._splits[key] = split_weight(weight)
        return launch_product(x, self._splits[key], bias, stride)
