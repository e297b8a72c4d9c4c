"""The published loss: binary cross-entropy plus soft Dice, each a mean over images."""

import torch
from torch import Tensor
from torch.nn import functional as F


def segmentation_loss(logits: Tensor, mask: Tensor) -> Tensor:
    """Score each image of a batch.

    BCE is the mean over an image's pixels; Dice is 1 - (2 sum(p t) + 1) / (sum p + sum t + 1), p =
    sigmoid(logit). Both published terms are means over images, so that the mean of these values is the loss
    of any batch, however it is cut among processes and micro-batches.

    Args:
        logits: (B, 1, H, W), any floating type; the sums are float32.
        mask: (B, 1, H, W), 0 or 1.

    Returns:
        Loss of each image, (B,) float32.

    Source: released training code of CIPA (Mei et al., CVPR 2025).
    """
    logits, mask = logits.float().flatten(1), mask.float().flatten(1)
    cross_entropy = F.binary_cross_entropy_with_logits(logits, mask, reduction="none").mean(1)
    probability = torch.sigmoid(logits)
    overlap = (probability * mask).sum(1)
    dice = (2 * overlap + 1) / (probability.sum(1) + mask.sum(1) + 1)
    return cross_entropy + 1 - dice
