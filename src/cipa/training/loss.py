"""The published loss: cross-entropy and soft Dice, each a mean over images; and two variants of Dice."""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

DiceKind = Literal["image", "batch", "no-smoothing"]

TINY = 1e-6
"""Keeps the Dice of an empty image, 0 of 0, from being no number; half a pixel's sum is far above it."""


def segmentation_loss(logits: Tensor, mask: Tensor, dice: DiceKind = "image") -> Tensor:
    """Score each image of a batch.

    BCE is the mean over an image's pixels; Dice is 1 - (2 sum(p t) + 1) / (sum p + sum t + 1), p =
    sigmoid(logit). Both published terms are means over images, so that the mean of these values is the loss
    of any batch, however it is cut among processes and micro-batches.

    An image's own Dice is nearly flat where it shows no tumour, its gradient being 1 / (sum p + 1)^2. Two
    other ways are for batches with such images:

    - `batch`: the three sums run over all images given, and each image has the same Dice term (nnU-Net's
      "batch Dice"). A false pixel then costs the same on an image without tumour as beside one.
    - `no-smoothing`: without the two ones an image without tumour has no Dice, and its term is 1 whatever is
      predicted: cross-entropy alone speaks there.

    Args:
        logits: (B, 1, H, W), any floating type; the sums are float32.
        mask: (B, 1, H, W), 0 or 1.
        dice: `image` as published, `batch` or `no-smoothing`.

    Returns:
        Loss of each image, (B,) float32.

    Source: released training code of CIPA (Mei et al., CVPR 2025); batch Dice, nnU-Net (Isensee et al.,
        Nature Methods 2021).
    """
    logits, mask = logits.float().flatten(1), mask.float().flatten(1)
    cross_entropy = F.binary_cross_entropy_with_logits(logits, mask, reduction="none").mean(1)
    probability = torch.sigmoid(logits)
    sums = torch.stack([(probability * mask).sum(1), probability.sum(1) + mask.sum(1)])
    overlap, sizes = sums.sum(1, keepdim=True) if dice == "batch" else sums
    if dice == "no-smoothing":
        score = 2 * overlap / sizes.clamp(min=TINY) * mask.any(1)
    else:
        score = (2 * overlap + 1) / (sizes + 1)
    return cross_entropy + 1 - score
