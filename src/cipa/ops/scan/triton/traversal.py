"""How a scan walks a map: which pixel comes at a position of a direction, and which one next.

Letters: positions 0 to L - 1 along a direction, indices 0 to L - 1 of the raster, L = height width.
"""

import triton
import triton.language as tl


@triton.jit
def index_at(position, direction, height, width):
    """Return the raster index visited at `position`; directions as `ss2d_reference.scan_order`."""
    length = height * width
    index = tl.where(direction < 2, position, length - 1 - position)
    return tl.where(direction % 2 == 1, (index % height) * width + index // height, index)


@triton.jit
def stride_of(direction, width):
    """Return what a step along `direction` adds to the raster index, borders apart."""
    step = tl.where(direction % 2 == 1, width, 1)
    return tl.where(direction < 2, step, -step)


@triton.jit
def advance(index, stride, length):
    """Return the raster index after a step of `stride`.

    Leaving a column at either end leads to the next column. A step past the end of the walk gives some pixel
    of the map: values are fetched one step ahead, and that fetch must stay inside.
    """
    index = index + stride
    index = tl.where(index >= length, index - length + 1, index)
    index = tl.where(index < 0, index + length - 1, index)
    return tl.minimum(tl.maximum(index, 0), length - 1)


@triton.jit
def fetch_ahead(rows, indices, row_stride, valid, WIDTH: tl.constexpr):
    """Read a value of every 32-byte sector of the rows at `indices`, a tuple of tiles (positions,).

    A walk down the columns meets a new line of memory at each position. Read one position early it comes from
    device memory in about 1,000 cycles, eight times what a position's arithmetic takes; read a group of
    positions early, it is in the cache when it is wanted. `rows` points at the first of a row's WIDTH values,
    of which `valid` are inside.
    """
    per_sector: tl.constexpr = 256 // rows.dtype.element_ty.primitive_bitwidth
    offset = rows + indices * row_stride
    # rows: (WIDTH,) at each of the `indices`, one value a 32-byte sector: (positions,)
    seen = (tl.load(offset),)
    for sector in tl.static_range(per_sector, WIDTH, per_sector):
        seen = seen + (tl.load(offset + sector, mask=indices * 0 + sector < valid, other=0.0),)
    return seen


@triton.jit
def sum_fetched(seen):
    """Add up what `fetch_ahead` read, float32: unless sums end up somewhere, the compiler drops the reads.

    To be called where the group is done: an addition waits for what it adds.
    """
    total = seen[0].to(tl.float32)
    for i in tl.static_range(1, len(seen)):
        total += seen[i].to(tl.float32)
    return total
