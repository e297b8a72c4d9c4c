"""DCIM, dynamic cross-modality interaction: local CT detail meets the regional PET context it lies in.

From CIPA (CVPR 2025). CT gives one token a pixel, in windows of 4 x 4; PET one token a window.
Letters: B batch, H x W grid (multiples of 4), C channels, N_w = H W / 16 windows.
"""

from typing import cast

from torch import Tensor, nn

from cipa.models.layers import Conv2d, LayerNorm, channels_first, channels_last
from cipa.models.ss2d import SS2D
from cipa.ops import add_windows, bias_relu, window_norm

STATES = 16
WINDOW = 4


class ConvBlock(nn.Sequential):
    """3x3 convolution, BatchNorm and ReLU of a map: (B, H, W, C_in) -> (B, H / stride, W / stride, C_out).

    Args:
        inputs: C_in.
        outputs: C_out.
        stride: of the convolution.
    """

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__(
            Conv2d(inputs, outputs, 3, stride=stride, padding=1),
            nn.BatchNorm2d(outputs),
            nn.ReLU(inplace=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Convolve a map (B, H, W, C_in)."""
        conv, norm, relu = self
        conv = cast(Conv2d, conv)
        if isinstance(norm, nn.Identity):  # folded into the convolution
            return bias_relu(conv.without_bias(x), cast(Tensor, conv.bias))
        return channels_last(relu(norm(channels_first(conv(x)))))


class DCIM(nn.Module):
    """Mix local and regional tokens: two maps (B, H, W, C) -> one (B, H, W, C).

    Args:
        width: C.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        narrow = [max(width // divisor, 1) for divisor in (16, 8, 4)]
        self.local_convs = nn.Sequential(ConvBlock(width, narrow[2]), ConvBlock(narrow[2], width))
        self.region_convs = nn.Sequential(
            ConvBlock(width, narrow[0]),
            ConvBlock(narrow[0], narrow[1], stride=2),
            ConvBlock(narrow[1], narrow[2], stride=2),
            ConvBlock(narrow[2], width),
        )
        self.local_norm = LayerNorm(WINDOW * WINDOW * width)
        self.local_ss2d = SS2D(width, STATES)
        self.region_norm = LayerNorm(width)
        self.region_ss2d = SS2D(width, STATES)

    def forward(self, ct: Tensor, pet: Tensor, residual: tuple[Tensor, Tensor]) -> Tensor:
        """Fuse a pair of rectified feature maps.

        Args:
            ct: (B, H, W, C), sides multiples of 4.
            pet: (B, H, W, C).
            residual: two maps to which the interaction is added, (B, H, W, C) each.

        Returns:
            Their sum and the interaction, (B, H, W, C).
        """
        region = self.region_convs(pet)
        region = region + self.region_ss2d(self.region_norm(region))
        local = self.local_convs(ct)
        norm = self.local_norm
        tokens = window_norm(local, WINDOW, norm.weight, norm.bias, norm.eps)
        return add_windows(*residual, local, self.local_ss2d(tokens), region)
