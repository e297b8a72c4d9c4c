"""The published loss: cross-entropy and soft Dice, each a mean over images; or with Dice pooled over them."""

import torch
from torch import Tensor
from torch.nn import functional as F


def segmentation_loss(logits: Tensor, mask: Tensor, pooled: bool = False) -> Tensor:
    """Score each image of a batch.

    BCE is the mean over an image's pixels; Dice is 1 - (2 sum(p t) + 1) / (sum p + sum t + 1), p =
    sigmoid(logit). Both published terms are means over images, so that the mean of these values is the loss
    of any batch, however it is cut among processes and micro-batches.

    Pooled, the three sums run over all images given, and each image has the same Dice term (nnU-Net's "batch
    Dice"). A false pixel then costs the same on a healthy image as beside a tumour; an image's own Dice is
    nearly flat there, its gradient being 1 / (sum p + 1)^2, and from 0 on all-empty answers never come back.

    Args:
        logits: (B, 1, H, W), any floating type; the sums are float32.
        mask: (B, 1, H, W), 0 or 1.
        pooled: whether Dice is that of all images together.

    Returns:
        Loss of each image, (B,) float32.

    Source: released training code of CIPA (Mei et al., CVPR 2025); pooled, nnU-Net (Isensee et al., Nature
        Methods 2021).
    """
    logits, mask = logits.float().flatten(1), mask.float().flatten(1)
    cross_entropy = F.binary_cross_entropy_with_logits(logits, mask, reduction="none").mean(1)
    probability = torch.sigmoid(logits)
    sums = torch.stack([(probability * mask).sum(1), probability.sum(1) + mask.sum(1)])
    overlap, sizes = sums.sum(1, keepdim=True) if pooled else sums
    dice = (2 * overlap + 1) / (sizes + 1)
    return cross_entropy + 1 - dice
