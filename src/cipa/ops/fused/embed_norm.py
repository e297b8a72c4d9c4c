"""Square patches of an image, embedded and normalised: `embed_norm`."""

from contextlib import nullcontext

import torch
import torch.nn.functional as F
from torch import Tensor

from cipa.ops.backend import backend_for, require_fit
from cipa.ops.fused.add_norm import EPS, add_norm, compute_dtype


def embed_norm(
    image: Tensor,
    kernel: Tensor,
    bias: Tensor,
    weight: Tensor,
    norm_bias: Tensor,
    eps: float = EPS,
    dtype: torch.dtype | None = None,
) -> Tensor:
    """Cut an image into patches, project each and normalise it over channels.

    A stride equal to the kernel makes the convolution one product over patches. Autocast does not reach into
    it: bfloat16 has fewer digits than an image's grey values.

    Args:
        image: (B, N, H, W), sides multiples of P; N is 1 for a grey image, 3 for a slice and its neighbours.
        kernel: (C, N, P, P), P a power of two from 4 on.
        bias: (C,).
        weight: LayerNorm's, (C,).
        norm_bias: LayerNorm's, (C,).
        eps: added to the variance.
        dtype: of the result; by default what autocast computes in where it is on, else the image's.

    Returns:
        (B, H / P, W / P, C).

    Raises:
        ValueError: a shape or device that does not fit, named.
    """
    side, planes, width = kernel.shape[-1], kernel.shape[1], (len(kernel),)
    require_fit(
        "embed_norm",
        image,
        {
            "image": (image, (image.shape[0], planes, *image.shape[2:])),
            "kernel": (kernel, (*width, planes, side, side)),
            "bias": (bias, width),
            "weight": (weight, width),
            "norm_bias": (norm_bias, width),
        },
    )
    dtype = dtype or compute_dtype(image)
    if backend_for(image) == "triton" and not torch.is_grad_enabled():
        from cipa.ops.fused.embed_norm_triton import launch_embed_norm

        return launch_embed_norm(image, kernel, bias, weight, norm_bias, eps, dtype)
    batch, _, height, columns = image.shape
    patches = image.reshape(batch, planes, height // side, side, columns // side, side)
    patches = patches.permute(0, 2, 4, 1, 3, 5).flatten(3)  # (B, H / P, W / P, N P P)
    device = image.device.type
    # Only where there is something to switch off: an exported graph would hold the switch as a subgraph.
    switch = torch.autocast(device, enabled=False) if torch.is_autocast_enabled(device) else nullcontext()
    with switch:
        embedded = F.linear(patches, kernel.flatten(1), bias)
        return add_norm(embedded, None, None, weight, norm_bias, eps)[1].to(dtype)
