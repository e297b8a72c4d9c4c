"""The decoder's last step, forward: bilinear doubling, LayerNorm and projection of pixels to class logits.

Nothing doubled is made, not even in registers. A doubled pixel is v = sum of a_k x_k over four pixels x_k of
the map, so that with centred pixels c_k = x_k - mean(x_k) its logits are, up to the bias,

    sum a_k (w . c_k) / sqrt(sum a_k a_l (c_k . c_l) / C + eps),

and each product of the sums serves every doubled pixel it is met in. The first kernel makes them, of a pixel
with itself, its neighbours and the projections, for a quarter of the instructions that doubled pixels took;
the second weighs them. Letters: pixels of all images, C channels.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from cipa.ops.fused.add_norm_triton import load_beside, tile_of

RIGHT, DOWN, DOWN_RIGHT, DOWN_LEFT = (tl.constexpr(plane) for plane in (1, 2, 3, 4))
"""Planes of products, by the neighbour; before them that of a pixel with itself, behind the projections'."""
PLANES = tl.constexpr(5)
OUTPUTS = 512


@triton.jit(do_not_specialize=["pixels", "height", "width"])
def neighbour_products(
    x, weight, projection, products, pixels, height, width, channels,
    CLASSES: tl.constexpr, ROWS: tl.constexpr, BD: tl.constexpr,
) -> None:  # fmt: skip
    """Fill products (5 + CLASSES, pixels) of x (pixels of all images, C); beyond a border is the border."""
    pixel = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    there = pixel < pixels
    d = tl.arange(0, BD)[None, :]
    mask = there[:, None] & (d < channels)
    right = tl.where(pixel % width < width - 1, 1, 0)
    left = tl.where(pixel % width > 0, -1, 0)
    down = tl.where(pixel // width % height < height - 1, width, 0)
    # x: (pixels, C), a tile (ROWS, BD)
    value = tl.load(x + pixel[:, None].to(tl.int64) * channels + d, mask=mask, other=0.0).to(tl.float32)
    centred = tl.where(mask, value - (tl.sum(value, axis=1) / channels)[:, None], 0.0)
    # products: (PLANES + CLASSES, pixels)
    tl.store(products + pixel, tl.sum(centred * centred, axis=1), mask=there)
    offsets = (right, down, down + right, down + left)
    for place in tl.static_range(4):
        beside = (pixel + offsets[place])[:, None].to(tl.int64)
        # x: the neighbours' tile (ROWS, BD); these reads hit the cache
        value = tl.load(x + beside * channels + d, mask=mask, other=0.0).to(tl.float32)
        at = products + (place + 1) * pixels.to(tl.int64) + pixel
        tl.store(at, tl.sum(centred * value, axis=1), mask=there)
    # weight: (C,), projection: (CLASSES, C), spread over the tile (ROWS, BD)
    scaled = centred * load_beside(weight, d, mask)
    for k in tl.static_range(CLASSES):
        factor = load_beside(projection + k * channels, d, mask)
        at = products + (PLANES + k) * pixels.to(tl.int64) + pixel
        tl.store(at, tl.sum(scaled * factor, axis=1), mask=there)


@triton.jit
def source_of(place, size):
    """Return the first and second source of a doubled row or column, and the second's weight."""
    before = (place + 1) // 2 - 1
    between = (before >= 0) & (before < size - 1)
    first = tl.maximum(before, 0)
    return (
        first,
        tl.minimum(first + 1, size - 1),
        tl.where(between, tl.where(place % 2 == 1, 0.25, 0.75), 0.0),
    )


@triton.jit(do_not_specialize=["pixels", "height", "width"])
def weigh_products(
    products, bias, projection, logits, pixels, height, width, channels, eps,
    CLASSES: tl.constexpr, OUTPUTS: tl.constexpr, BD: tl.constexpr,
) -> None:  # fmt: skip
    """Fill logits (4 pixels, CLASSES), the doubled map's, from the products of its source."""
    output = tl.program_id(0) * OUTPUTS + tl.arange(0, OUTPUTS)
    there = output < pixels * 4
    row = output // (2 * width)  # of all images
    upper, lower, a = source_of(row % (2 * height), height)
    left, right, b = source_of(output % (2 * width), width)
    image = row // (2 * height) * height
    place = (image + upper) * width + left
    place_right = (image + upper) * width + right
    place_down = (image + lower) * width + left
    place_far = (image + lower) * width + right
    own, beside, below, across = (1.0 - a) * (1.0 - b), (1.0 - a) * b, a * (1.0 - b), a * b
    step = pixels.to(tl.int64)
    # products: plane 0, (OUTPUTS,) a source pixel
    total = own * own * tl.load(products + place, mask=there, other=0.0)
    total += beside * beside * tl.load(products + place_right, mask=there, other=0.0)
    total += below * below * tl.load(products + place_down, mask=there, other=0.0)
    total += across * across * tl.load(products + place_far, mask=there, other=0.0)
    at = products + RIGHT * step
    # each pair of sources occurs twice in the quadratic form, hence 2 pairs below
    pairs = own * beside * tl.load(at + place, mask=there, other=0.0)
    pairs += below * across * tl.load(at + place_down, mask=there, other=0.0)
    at = products + DOWN * step
    # products: planes DOWN, DOWN_RIGHT and DOWN_LEFT, (OUTPUTS,) each
    pairs += own * below * tl.load(at + place, mask=there, other=0.0)
    pairs += beside * across * tl.load(at + place_right, mask=there, other=0.0)
    pairs += own * across * tl.load(products + DOWN_RIGHT * step + place, mask=there, other=0.0)
    pairs += beside * below * tl.load(products + DOWN_LEFT * step + place_right, mask=there, other=0.0)
    scale = tl.rsqrt(tl.maximum(total + 2.0 * pairs, 0.0) / channels + eps)
    d = tl.arange(0, BD)
    # bias: (C,), a row (BD,)
    shift = tl.load(bias + d, mask=d < channels, other=0.0).to(tl.float32)
    for k in tl.static_range(CLASSES):
        at = products + (PLANES + k) * step
        # products: planes of the classes; upsampling and projection change places, both being linear
        value = own * tl.load(at + place, mask=there, other=0.0)
        value += beside * tl.load(at + place_right, mask=there, other=0.0)
        value += below * tl.load(at + place_down, mask=there, other=0.0)
        value += across * tl.load(at + place_far, mask=there, other=0.0)
        # projection: (CLASSES, C), a row (BD,)
        factor = tl.load(projection + k * channels + d, mask=d < channels, other=0.0).to(tl.float32)
        # logits: (4 pixels, CLASSES)
        tl.store(
            logits + output.to(tl.int64) * CLASSES + k, value * scale + tl.sum(shift * factor), mask=there
        )


def launch_double_norm_project(
    x: Tensor, weight: Tensor, bias: Tensor, projection: Tensor, eps: float
) -> Tensor:
    """Return logits (B, 2H, 2W, classes), float32, of x (B, H, W, D); projection is (classes, D)."""
    batch, height, width, channels = x.shape
    classes, pixels = len(projection), batch * height * width
    projection = projection.contiguous()
    products = torch.empty(PLANES.value + classes, pixels, dtype=torch.float32, device=x.device)
    logits = torch.empty(batch, 2 * height, 2 * width, classes, dtype=torch.float32, device=x.device)
    rows, block = tile_of(channels)
    neighbour_products[(triton.cdiv(pixels, rows),)](
        x.contiguous(), weight, projection, products, pixels, height, width, channels,
        CLASSES=classes, ROWS=rows, BD=block,
    )  # fmt: skip
    weigh_products[(triton.cdiv(4 * pixels, OUTPUTS),)](
        products, bias, projection, logits, pixels, height, width, channels, eps,
        CLASSES=classes, OUTPUTS=OUTPUTS, BD=block,
    )  # fmt: skip
    return logits
