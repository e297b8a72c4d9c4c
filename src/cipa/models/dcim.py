"""DCIM, dynamic cross-modality interaction: local CT detail meets the regional PET context it lies in.

From CIPA (CVPR 2025). CT gives one token a pixel, in windows of 4 x 4; PET one token a window.
Letters: B batch, H x W grid (multiples of 4), C channels, N_w = H W / 16 windows.
"""

from torch import Tensor, nn

from cipa.models.layers import LayerNorm, channels_first, channels_last
from cipa.models.ss2d import SS2D

STATES = 16
WINDOW = 4


def conv_block(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """Return a 3x3 convolution, BatchNorm and ReLU for channels-first maps."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class DCIM(nn.Module):
    """Mix local and regional tokens: two maps (B, H, W, C) -> one (B, H, W, C).

    Args:
        width: C.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        narrow = [max(width // divisor, 1) for divisor in (16, 8, 4)]
        self.local_convs = nn.Sequential(conv_block(width, narrow[2]), conv_block(narrow[2], width))
        self.region_convs = nn.Sequential(
            conv_block(width, narrow[0]),
            conv_block(narrow[0], narrow[1], stride=2),
            conv_block(narrow[1], narrow[2], stride=2),
            conv_block(narrow[2], width),
        )
        self.local_norm = LayerNorm(WINDOW * WINDOW * width)
        self.local_ss2d = SS2D(width, STATES)
        self.region_norm = LayerNorm(width)
        self.region_ss2d = SS2D(width, STATES)

    def forward(self, ct: Tensor, pet: Tensor) -> Tensor:
        """Fuse a pair of rectified feature maps.

        Args:
            ct: (B, H, W, C), sides multiples of 4.
            pet: (B, H, W, C).

        Returns:
            What the interaction adds to ct + pet, (B, H, W, C).
        """
        region = channels_last(self.region_convs(channels_first(pet)))
        region = region + self.region_ss2d(self.region_norm(region))
        local = cut_windows(channels_last(self.local_convs(channels_first(ct))))
        tokens = self.local_norm(local.flatten(1)).view_as(local)
        local = local + self.local_ss2d(tokens)
        local = local + region.reshape(-1, 1, 1, region.shape[-1])
        return join_windows(local, *region.shape[:3])


def cut_windows(x: Tensor) -> Tensor:
    """Cut a map into windows, row by row: (B, H, W, C) -> (B N_w, 4, 4, C)."""
    batch, height, width, channels = x.shape
    grid = x.reshape(batch, height // WINDOW, WINDOW, width // WINDOW, WINDOW, channels)
    return grid.transpose(2, 3).reshape(-1, WINDOW, WINDOW, channels)


def join_windows(windows: Tensor, batch: int, rows: int, columns: int) -> Tensor:
    """Undo `cut_windows`: (B N_w, 4, 4, C) -> (B, 4 rows, 4 columns, C)."""
    channels = windows.shape[-1]
    grid = windows.reshape(batch, rows, columns, WINDOW, WINDOW, channels)
    return grid.transpose(2, 3).reshape(batch, rows * WINDOW, columns * WINDOW, channels)
