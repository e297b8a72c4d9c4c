"""LayerNorm over the channels of a map with the residual sum before it, one read and one write.

Kernels and their launches. Letters: rows are all pixels of all images, D channels. Statistics are float32 and
recomputed in the backward pass: a row fits in registers, so that is cheaper than to save and load them.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from cipa.ops.fused.partial_sums_triton import sum_parts
from cipa.ops.fused.scaled_branch import ScaledBranch
from cipa.ops.gpu import multiprocessors

ELEMENTS = 2048
"""Values a program holds at once: rows times channels, the latter rounded up to a power of two."""

ELEMENTS_BACK = 1024
"""The same of a backward pass: 16 bytes a lane of four warps in 16-bit types, and as many of each sum."""

WARPS_PER_UNIT = 20
"""Warps that a multiprocessor holds of a backward pass at its use of registers."""


@triton.jit
def load_beside(vector, d, mask):
    """Load a vector's values for each index of a tile, float32: mask is the tile's, d (1, channels).

    Loaded once and spread, it would be the vector that says which lane holds what, and every tile would pass
    through shared memory to get there. These reads hit the cache.
    """
    return tl.load(vector + tl.broadcast_to(d, mask.shape), mask=mask, other=0.0).to(tl.float32)


@triton.jit
def standardise(x, mask, channels, eps):
    """Return a tile's rows less their mean over their deviation, and one over the latter, (rows, 1)."""
    # in two rounds: squares of what is not centred would lose the digits of a map far from zero
    mean = (tl.sum(x, axis=1) / channels)[:, None]
    centred = tl.where(mask, x - mean, 0.0)
    scale = tl.rsqrt(tl.sum(centred * centred, axis=1) / channels + eps)[:, None]
    return centred * scale, scale


@triton.jit
def norm_backward(x, upstream, mask, channels, eps):
    """Return a tile's standardised rows and their gradient, from that of the standardised values.

    The four sums over a row take two rounds, not three one after the other: x need not be standardised first.
    """
    mean = (tl.sum(x, axis=1) / channels)[:, None]
    upstream_mean = (tl.sum(upstream, axis=1) / channels)[:, None]
    centred = tl.where(mask, x - mean, 0.0)
    variance = tl.sum(centred * centred, axis=1) / channels
    slope = (tl.sum(upstream * centred, axis=1) / channels)[:, None]
    scale = tl.rsqrt(variance + eps)[:, None]
    normed = centred * scale
    return normed, scale * (upstream - upstream_mean - normed * (slope * scale))


@triton.jit(do_not_specialize=["rows"])
def add_norm_forward(
    x, branch, branch_bias, factors, skip, weight, bias, total, out, rows, channels, eps,
    BRANCH: tl.constexpr, SCALED: tl.constexpr, SKIP: tl.constexpr, NORM: tl.constexpr,
    ROWS: tl.constexpr, BD: tl.constexpr,
) -> None:  # fmt: skip
    """Fill total = x skip + branch (where there is a branch) and, where NORM, out = LayerNorm(total).

    Where SCALED the branch is (branch + its bias) factors (images, channels), and rows are an image's.
    """
    image = tl.program_id(1).to(tl.int64)
    row = (tl.program_id(0).to(tl.int64) * ROWS + tl.arange(0, ROWS))[:, None]
    d = tl.arange(0, BD)[None, :]
    mask = (row < rows) & (d < channels)
    at = (image * rows + row) * channels + d
    # x: (rows, D), a tile (ROWS, BD)
    value = tl.load(x + at, mask=mask, other=0.0).to(tl.float32)
    if SKIP:
        # skip: (D,), spread over the tile (ROWS, BD)
        value *= load_beside(skip, d, mask)
    if BRANCH:
        # branch: (rows, D), a tile (ROWS, BD)
        added = tl.load(branch + at, mask=mask, other=0.0).to(tl.float32)
        if SCALED:
            # branch_bias: (D,), the bias that the branch's convolution left out
            added += load_beside(branch_bias, d, mask)
            # factors: (images, D), one row for the whole tile
            added *= load_beside(factors + image * channels, d, mask)
        value += added
        # total: (rows, D)
        tl.store(total + at, value.to(total.dtype.element_ty), mask=mask)
    if NORM:
        normed, _ = standardise(value, mask, channels, eps)
        # weight, bias: (D,); after the sums, so that the tile's reads above go out first
        scale = load_beside(weight, d, mask)
        shift = load_beside(bias, d, mask)
        # out: (rows, D)
        tl.store(out + at, (normed * scale + shift).to(out.dtype.element_ty), mask=mask)


@triton.jit(do_not_specialize=["rows"])
def add_norm_backward(
    dtotal, dout, total, x, skip, weight, dsum, dx, dskip, dweight, dbias, rows, channels, eps,
    TOTAL: tl.constexpr, SKIP: tl.constexpr, BOTH: tl.constexpr, ROWS: tl.constexpr, BD: tl.constexpr,
) -> None:  # fmt: skip
    """Fill the gradients of branch (dsum) and, where BOTH, of x (dx); else they are the same.

    Each program adds up its rows' part of the gradients of skip, weight and bias, (programs, channels).
    """
    d = tl.arange(0, BD)[None, :]
    known = d < channels
    # weight: (D,), a row (1, BD); read once, as it serves every tile of the loop
    scale = tl.load(weight + d, mask=known, other=0.0).to(tl.float32)
    # skip: (D,), a row (1, BD)
    factor = tl.load(skip + d, mask=known, other=0.0).to(tl.float32) if SKIP else scale
    weight_sum = tl.zeros([ROWS, BD], tl.float32)
    bias_sum = tl.zeros([ROWS, BD], tl.float32)
    skip_sum = tl.zeros([ROWS, BD], tl.float32)
    for block in range(tl.program_id(0), tl.cdiv(rows, ROWS), tl.num_programs(0)):
        row = (block * ROWS + tl.arange(0, ROWS)).to(tl.int64)[:, None]
        mask = (row < rows) & known
        at = row * channels + d
        # total, dout, dtotal, x: (rows, D), tiles (ROWS, BD); all reads go out before the first is used
        value = tl.load(total + at, mask=mask, other=0.0).to(tl.float32)
        upstream = tl.load(dout + at, mask=mask, other=0.0).to(tl.float32)
        if TOTAL:
            beside = tl.load(dtotal + at, mask=mask, other=0.0).to(tl.float32)
        if SKIP:
            source = tl.load(x + at, mask=mask, other=0.0).to(tl.float32)
        normed, gradient = norm_backward(value, upstream * scale, mask, channels, eps)
        weight_sum += upstream * normed
        bias_sum += upstream
        if TOTAL:
            gradient += beside
        # dsum: (rows, D), the gradient of both summands where there is no skip and they are of one type
        tl.store(dsum + at, gradient.to(dsum.dtype.element_ty), mask=mask)
        if SKIP:
            skip_sum += gradient * source
            gradient *= factor
        if BOTH:
            # dx: (rows, D)
            tl.store(dx + at, gradient.to(dx.dtype.element_ty), mask=mask)
    out = tl.program_id(0) * channels + d
    # dweight, dbias, dskip: (programs, D); a fixed order of sums gives the same bits each run
    tl.store(dweight + out, tl.sum(weight_sum, axis=0)[None, :], mask=known)
    tl.store(dbias + out, tl.sum(bias_sum, axis=0)[None, :], mask=known)
    if SKIP:
        tl.store(dskip + out, tl.sum(skip_sum, axis=0)[None, :], mask=known)


def tile_of(channels: int, elements: int = ELEMENTS) -> tuple[int, int]:
    """Return the rows and padded channels of a program's tile of about so many values."""
    block = triton.next_power_of_2(channels)
    return max(1, elements // block), block


def plan_backward(rows: int, channels: int, device: torch.device) -> tuple[int, dict[str, int]]:
    """Return a backward pass's programs, all of which fit at once, and its constants."""
    block = triton.next_power_of_2(channels)
    tile_rows = max(1, ELEMENTS_BACK // block)
    warps = 8 if block > ELEMENTS_BACK else 4
    programs = min(triton.cdiv(rows, tile_rows), WARPS_PER_UNIT // warps * multiprocessors(device))
    return programs, {"ROWS": tile_rows, "BD": block, "num_warps": warps}


def launch_add_norm(
    x: Tensor,
    branch: Tensor | ScaledBranch | None,
    skip: Tensor | None,
    weight: Tensor,
    bias: Tensor,
    eps: float,
    dtype: torch.dtype,
) -> tuple[Tensor, Tensor]:
    """Return x skip + branch in x's type (x itself where there is no branch) and its LayerNorm in `dtype`."""
    x = x.contiguous()
    total = x if branch is None else torch.empty_like(x)
    out = torch.empty(x.shape, dtype=dtype, device=x.device)
    _add_norm(x, branch, skip, weight, bias, eps, total, out)
    return total, out


def launch_add_branch(x: Tensor, branch: ScaledBranch, skip: Tensor) -> Tensor:
    """Return x skip + branch in x's type."""
    x = x.contiguous()
    total = torch.empty_like(x)
    _add_norm(x, branch, skip, skip, skip, 0.0, total, None)
    return total


def _add_norm(
    x: Tensor,
    branch: Tensor | ScaledBranch | None,
    skip: Tensor | None,
    weight: Tensor,
    bias: Tensor,
    eps: float,
    total: Tensor,
    out: Tensor | None,
) -> None:
    channels = x.shape[-1]
    scaled = isinstance(branch, ScaledBranch)
    value, branch_bias, factors = branch if isinstance(branch, ScaledBranch) else (branch, weight, weight)
    images = len(x) if scaled else 1
    count = x.numel() // channels // images
    rows, block = tile_of(channels)
    add_norm_forward[(triton.cdiv(count, rows), images)](
        x, x if value is None else value.contiguous(), branch_bias, factors.contiguous(),
        weight if skip is None else skip, weight, bias, total, total if out is None else out,
        count, channels, eps,
        BRANCH=branch is not None, SCALED=scaled, SKIP=skip is not None, NORM=out is not None,
        ROWS=rows, BD=block,
    )  # fmt: skip


def launch_add_norm_backward(
    dtotal: Tensor | None,
    dout: Tensor,
    total: Tensor,
    x: Tensor | None,
    skip: Tensor | None,
    weight: Tensor,
    eps: float,
    branch_dtype: torch.dtype,
) -> tuple[Tensor, Tensor, Tensor | None, Tensor, Tensor]:
    """Return the gradients of x, branch (in its type), skip, weight and bias; the last three float32."""
    channels = total.shape[-1]
    rows = total.numel() // channels
    programs, constants = plan_backward(rows, channels, total.device)
    # Under autocast the stream is float32 and a branch narrow; a cast would be a pass of its own.
    dsum = torch.empty_like(total, dtype=branch_dtype)
    both = skip is not None or branch_dtype != total.dtype
    dx = torch.empty_like(total) if both else dsum
    sums = torch.empty(2 + (skip is not None), programs, channels, dtype=torch.float32, device=total.device)
    add_norm_backward[(programs,)](
        dout if dtotal is None else dtotal.contiguous(), dout.contiguous(), total, total if x is None else x,
        weight if skip is None else skip, weight, dsum, dx, sums[-1], sums[0], sums[1],
        rows, channels, eps, TOTAL=dtotal is not None, SKIP=skip is not None,
        BOTH=both, **constants,
    )  # fmt: skip
    dweight, dbias, *dskip = sum_parts(sums)
    return dx, dsum, dskip[0] if dskip else None, dweight, dbias
