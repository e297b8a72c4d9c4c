"""Bring the CRM's weights to another image size.

The CRM reads a channel's whole map of H x W values through LayerNorm(HW) and Linear(HW -> width), so its
weights belong to one grid. Another grid is served as if its maps were brought to the old grid first:

- the norm's gain and offset, one value a pixel, are resampled bilinearly as maps;
- a row of the Linear is a weighted sum over pixels, w . x. With R the bilinear resize from the new grid to
  the old, w . (R x) = (R^T w) . x, so R^T w takes its place. R keeps constants, hence each row's sum is kept
  exactly; for a smooth w it is the bilinearly resampled map times (old pixels / new pixels).

Nothing is learnt anew: accuracy at another size than the weights were trained at is not promised.
"""

import math
import re
from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

_GAIN = re.compile(r"^crm\.(\d+)\.map_norm\.(weight|bias)$")
_SUM = re.compile(r"^crm\.(\d+)\.map_proj\.weight$")


def resample_crm(tensors: Mapping[str, Tensor], grids: tuple[int, int, int, int]) -> dict[str, Tensor]:
    """Return the tensors with the CRM's resampled to other grids.

    Args:
        tensors: by our names.
        grids: new side of each stage's maps, in pixels.
    """
    result = dict(tensors)
    for name, tensor in tensors.items():
        if match := _GAIN.match(name):
            result[name] = resample_gain(tensor, grids[int(match[1])])
        elif match := _SUM.match(name):
            result[name] = resample_sum(tensor, grids[int(match[1])])
    return result


def resample_gain(values: Tensor, side: int) -> Tensor:
    """Resample one value a pixel: (old side^2,) -> (side^2,), bilinearly."""
    return _resize(_as_maps(values), side).flatten()


def resample_sum(rows: Tensor, side: int) -> Tensor:
    """Resample weighted sums over pixels: (rows, old side^2) -> (rows, side^2); each row's sum is kept."""
    maps = _as_maps(rows)
    example = maps.new_zeros(rows.shape[0], 1, side, side)
    transpose = torch.func.vjp(lambda x: _resize(x, maps.shape[-1]), example)[1]
    return transpose(maps)[0].flatten(1)


def _as_maps(values: Tensor) -> Tensor:
    old = math.isqrt(values.shape[-1])
    return values.float().reshape(-1, 1, old, old)


def _resize(maps: Tensor, side: int) -> Tensor:
    shrinks = side < maps.shape[-1]
    return F.interpolate(maps, size=(side, side), mode="bilinear", align_corners=False, antialias=shrinks)
