"""How a scan walks a map: which pixel comes at a position of a direction, and which one next."""

import triton
import triton.language as tl


@triton.jit
def place_of(position, direction, height, width):
    """Return the raster index visited at `position`; directions as `cipa.ops.ss2d.reference.scan_order`."""
    length = height * width
    place = tl.where(direction < 2, position, length - 1 - position)
    return tl.where(direction % 2 == 1, (place % height) * width + place // height, place)


@triton.jit
def stride_of(direction, width):
    """Return what a step along `direction` adds to the raster index, borders apart."""
    step = tl.where(direction % 2 == 1, width, 1)
    return tl.where(direction < 2, step, -step)


@triton.jit
def step_from(place, stride, length):
    """Return the raster index after a step of `stride`.

    Leaving a column at either end leads to the next column. A step past the end of the walk gives some pixel of
    the map: values are fetched one step ahead, and that fetch must stay inside.
    """
    place = place + stride
    place = tl.where(place >= length, place - length + 1, place)
    place = tl.where(place < 0, place + length - 1, place)
    return tl.minimum(tl.maximum(place, 0), length - 1)
