"""Whether an exported file answers as the network does: `require_agreement`, asked before a file is kept."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cipa.errors import DataError
from cipa.models.exported.network import ExportedNetwork

BATCHES = (1, 3)
"""Sizes that are tried; the program is traced with 2."""


def require_agreement(model: nn.Module, exported: ExportedNetwork, tolerance: float) -> float:
    """Compare the logits of a network and of its exported file.

    Args:
        model: the network in eval mode on the CPU.
        exported: read from the file.
        tolerance: largest difference of a logit, relative to the largest logit where that is above 1.

    Returns:
        The largest difference met.

    Raises:
        DataError: they differ by more, or the file's logits are not finite.
    """
    worst = 0.0
    generator = torch.Generator().manual_seed(0)
    for batch in BATCHES:
        ct, pet = (_images(exported, batch, generator) for _ in range(2))
        with torch.inference_mode():
            expected, found = model(ct, pet), exported(ct, pet)
        scale = max(1.0, float(expected.abs().max()))
        worst = max(worst, float((expected - found).abs().nan_to_num(torch.inf).max()) / scale)
    if not worst <= tolerance:
        raise DataError(
            f"{exported.path.name}: its logits differ by {worst:.1e} from the network's, more than "
            f"{tolerance:.0e}: not written; export the weights again, or report this"
        )
    return worst


def _images(exported: ExportedNetwork, batch: int, generator: torch.Generator) -> Tensor:
    """Draw smooth shapes under fine noise, (B, slices, S, S) in [-1.6, 1.6]."""
    side, slices = exported.config.image_size, exported.config.slices
    shapes = torch.rand(batch, slices, 8, 8, generator=generator)
    smooth = F.interpolate(shapes, size=(side, side), mode="bilinear", align_corners=False)
    noise = torch.rand(batch, slices, side, side, generator=generator)
    return (0.8 * smooth + 0.2 * noise) * 3.2 - 1.6
