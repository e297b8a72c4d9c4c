"""CRM, channel-wise rectification: a weight decided by both modalities amplifies each channel of each.

From CIPA (CVPR 2025). A token is one channel's whole map, so the layers are sized by the grid and the weights
belong to one image size.
"""

from torch import Tensor, nn

from cipa.models.layers import LayerNorm
from cipa.models.ss2d import SS1D
from cipa.ops import amplify, map_tokens

STATES = 16


class CRM(nn.Module):
    """Weigh the channels of both modalities: two maps (B, H, W, C) -> the same two, rectified.

    Args:
        pixels: H W, the positions of the grid.
        width: width each channel's map is projected to.
    """

    def __init__(self, pixels: int, width: int) -> None:
        super().__init__()
        self.map_norm = nn.LayerNorm(pixels)
        self.map_proj = nn.Linear(pixels, width)
        self.ss1d = SS1D(width, STATES)
        self.norm = LayerNorm(width)
        self.weight_proj = nn.Linear(width, 1)

    def forward(self, ct: Tensor, pet: Tensor) -> tuple[Tensor, Tensor]:
        """Rectify a pair of feature maps.

        Args:
            ct: (B, H, W, C).
            pet: (B, H, W, C).

        Returns:
            ct (1 + w_ct) and pet (1 + w_pet), with a weight in (0, 1) for each image and channel.
        """
        norm, proj = self.map_norm, self.map_proj
        tokens = map_tokens(ct, pet, norm.weight, norm.bias, proj.weight, proj.bias, norm.eps)
        return amplify(ct, pet, self.weight_proj(self.norm(self.ss1d(tokens))).squeeze(-1))
