"""What the scan reads: delta = softplus(dt_weight dt_low + dt_bias), and B and C in float32.

The dt projection is a product with an inner dimension of R, 6 to 64: inside the scan it costs as much as the
scan. Letters: rows are the L pixels of all images, K directions, D channels, N states, R rank.
"""

import triton
import triton.language as tl


@triton.jit
def softplus(x, EXACT: tl.constexpr):
    """Return log(1 + e^x) as max(x, 0) + log1p(e^-|x|); above 20, where PyTorch's is x, it rounds to x.

    log1p(t) is t times a polynomial of least relative error on [0, 1], also where the logarithm of 1 + t has
    lost the digits of a small t: 2e-7 against float64 if EXACT, else 6e-5, an eighth of float16's rounding.
    With the library's logarithm the kernel had 1,376 instructions, with the polynomials 880 and 744.

    The power of two is the hardware's, to which one below 1e-38 is 0: 4 instructions of 23 a value less than
    `tl.exp`, which is not.
    """
    t = tl.exp2(tl.abs(x) * -1.4426950408889634)
    if EXACT:
        p = 0.00523266476 * t - 0.0295051206
        p = p * t + 0.0782257617
        p = p * t - 0.136632293
        p = p * t + 0.191059992
        p = p * t - 0.248429805
        p = p * t + 0.333190978
        p = p * t - 0.499994934
        p = p * t + 0.99999994
    else:
        p = 0.04134698 * t - 0.15742655
        p = p * t + 0.3063005
        p = p * t - 0.49697771
        p = p * t + 0.99994327
    return tl.maximum(x, 0.0) + p * t


@triton.jit(do_not_specialize=["rows"])
def dt_projection_forward(
    projection, dt, weight, bias, delta, values, rows, channels,
    K: tl.constexpr, N: tl.constexpr, R: tl.constexpr, RANK: tl.constexpr, PAIR: tl.constexpr,
    ROWS: tl.constexpr, BD: tl.constexpr, TILES: tl.constexpr,
) -> None:  # fmt: skip
    """Fill delta (rows, K, channels) and values (rows, K, 2 N), float32, for TILES tiles of ROWS rows.

    The first R of the projection (rows, K, R + 2 N) are multiplied by `weight` (K, channels, R); where R is 0
    the step before bias and softplus is given, dt (rows, channels). RANK and PAIR are R and 2 N as the next
    powers of two, RANK at least 16.
    """
    k = tl.program_id(1)
    d = tl.program_id(2) * BD + tl.arange(0, BD)
    # bias: (K, D), (BD,); it and the weight serve every tile
    shift = tl.load(bias + k * channels + d, mask=d < channels, other=0.0).to(tl.float32)
    r = tl.arange(0, RANK)
    if R > 0:
        # weight: (K, D, R), read transposed as (RANK, BD)
        dt_weight = tl.load(
            weight + (k * channels + d)[None, :] * R + r[:, None],
            mask=(d < channels)[None, :] & (r < R)[:, None], other=0.0,
        ).to(projection.dtype.element_ty)  # fmt: skip
    n = tl.arange(0, PAIR)[None, :]
    for tile in range(TILES):
        row = ((tl.program_id(0) * TILES + tile).to(tl.int64) * ROWS + tl.arange(0, ROWS))[:, None]
        inside = (row < rows) & (d < channels)[None, :]
        if R > 0:
            # dt_low of projection: (rows, K, R + 2 N), a tile (ROWS, RANK)
            low = tl.load(
                projection + (row * K + k) * (R + 2 * N) + r[None, :],
                mask=(row < rows) & (r < R)[None, :], other=0.0,
            )  # fmt: skip
            # three products of TF32 where the map is float32: one alone leaves 3 digits of the step
            raw = tl.dot(low, dt_weight, input_precision="tf32x3")
        else:
            # dt: (rows, D), a tile (ROWS, BD)
            raw = tl.load(dt + row * channels + d[None, :], mask=inside, other=0.0).to(tl.float32)
        steps = softplus(raw + shift[None, :], delta.dtype.element_ty == tl.float32)
        # delta: (rows, K, D), a tile (ROWS, BD)
        tl.store(delta + (row * K + k) * channels + d[None, :], steps.to(delta.dtype.element_ty), mask=inside)
        if tl.program_id(2) == 0:
            mask = (row < rows) & (n < 2 * N)
            # B and C of projection: (rows, K, R + 2 N), a tile (ROWS, PAIR)
            pair = tl.load(projection + (row * K + k) * (R + 2 * N) + R + n, mask=mask, other=0.0)
            # values: (rows, K, 2 N); only the first block of channels writes them
            tl.store(values + (row * K + k) * (2 * N) + n, pair.to(values.dtype.element_ty), mask=mask)
