"""How a forward scan is laid out on lanes, warps and blocks: a rule on shapes and the GPU's size.

The rule is what a sweep of 13 layouts by up to 6 cuts at 25 shapes of the network found fastest on one H100
(`docs/gpu.md`); every entry stands beside its time and the next best one's. It is within 2 % of the best
there but for one image of 32 x 32 with 4 states (24 microseconds for 22.6).

Letters: B images, L positions of a walk, K directions, D channels, N states. A walk is one channel of one
direction of one image.
"""

from functools import lru_cache
from typing import NamedTuple

SHARED_BYTES = 227 * 1024
"""Shared memory that blocks of a multiprocessor share (compute capability 9.0)."""

BLOCK_BYTES = 1024
"""Of it, what the system keeps for each block."""

MOST_STAGES = 5

LEAST_POSITIONS = 256
"""Of a block: it takes as many short walks one after the other."""

CHUNK = 512
"""Positions of a chunk, 16 states: 0.512 ms for 4 images of 128 x 128, 0.520 with 1024, 0.528 with 256."""

LEAST_WALKS = 1_500
"""Below, a walk too short to be cut is left to Triton, whose chunks go down to 16 positions."""

LONG_WALK = 4096
"""Positions from which on a walk is cut where walks are few."""


class Shape(NamedTuple):
    """A kernel's shape but for its stages; fields as in `Layout`, `positions` for 2-byte elements."""

    lanes: int
    warps: int
    positions: int
    unroll: int
    resident: int


WHOLE = {  # N: (walks from which on, shape) for walks that are not cut
    16: (
        # Each channel on one lane: no sums over lanes. 32 images of 64 x 64 x 384: 1.062 ms, two lanes 1.103.
        (40_000, Shape(1, 4, 16, 4, 3)),
        # Two lanes give each scheduler three warps. 32 of 128 x 128 x 192: 2.31 ms, one lane 2.59.
        (24_000, Shape(2, 4, 32, 4, 4)),
        # Four lanes. 8 of 128 x 128 x 192: 0.903 ms, two lanes in chunks 0.989.
        (0, Shape(4, 3, 32, 2, 5)),
    ),
    4: (
        # 16 of 32 x 32 x 768: 0.116 ms in one round of blocks, three warps 0.134.
        (40_000, Shape(1, 4, 32, 4, 3)),
        # 16 of 64 x 64 x 384: 0.244 ms, four warps 0.292, two lanes 0.257.
        (16_000, Shape(1, 3, 32, 4, 3)),
        # 4 of 32 x 32 x 768: 0.0505 ms, one lane 0.0557, in chunks 0.0600.
        (0, Shape(2, 3, 32, 4, 5)),
    ),
}
SHORT = Shape(1, 3, 16, 4, 4)
"""Walks of one stage, windows of 4 x 4, 16 states: 1.01 ms for 16384 of them, with two lanes as much."""

WIDE_4 = Shape(1, 2, 16, 4, 5)
"""Float32, 4 states, bound by memory: 16 images of 128 x 128 x 192 take 0.940 ms, 1.66 in chunks."""

CUT = {16: Shape(2, 4, 32, 4, 4), 4: Shape(1, 3, 32, 4, 4)}
"""In chunks, 16 states: four blocks a multiprocessor 0.512 ms, three 0.533 (4 images of 128 x 128 x 192)."""

CUT_4_MANY = Shape(1, 2, 32, 4, 5)
"""16 images of 128 x 128 x 192 with 4 states in chunks of 512: 0.712 ms, three warps 0.760, not cut 0.743."""

FEW_WALKS = 3_200
"""Below, walks are cut with 16 states: 3072 of 16384 positions take 0.512 ms in chunks, 0.70 whole."""

FEW_WALKS_OF_4 = 8_000
"""The same with 4 states, from a quarter of the positions on; up to twice as many long ones of 2 bytes."""


class Layout(NamedTuple):
    """A kernel's shape.

    Attributes:
        lanes: that share a channel.
        warps: that compute, of a block, which has one more to move data.
        positions: of a stage of the ring, T.
        stages: of the ring.
        unroll: runs of `lanes` positions that a loop's turn takes.
        resident: blocks that a multiprocessor's registers must hold at least.
        channels: of a block.
    """

    lanes: int
    warps: int
    positions: int
    stages: int
    unroll: int
    resident: int
    channels: int


class Cut(NamedTuple):
    """A walk is cut into `chunks` of `chunk` positions; a block takes `images` images in turns."""

    chunk: int
    chunks: int
    images: int


def takes(channels: int, states: int) -> bool:
    """Return whether the kernels are made for such a scan: rows of whole 16-byte pieces, N of 4 or 16."""
    return channels % 8 == 0 and states in (4, 16)


def worthwhile(batch: int, length: int, channels: int, directions: int) -> bool:
    """Return whether the kernels are faster than Triton's: not for a few short walks."""
    return batch * channels * directions >= LEAST_WALKS or length >= LONG_WALK


@lru_cache(maxsize=256)
def forward_plan(
    batch: int,
    length: int,
    channels: int,
    directions: int,
    states: int,
    x_bytes: int,
    step_bytes: int,
    units: int,
) -> tuple[Layout, Cut]:
    """Choose lanes, stages and pieces of a forward scan.

    Args:
        batch: B.
        length: L.
        channels: D.
        directions: K.
        states: N, 4 or 16.
        x_bytes: of an element of x.
        step_bytes: of an element of delta.
        units: multiprocessors of the GPU.
    """
    walks = batch * directions * channels
    cut = is_cut(walks, length, states, max(x_bytes, step_bytes))
    layout = forward_layout(walks, length, channels, states, x_bytes, step_bytes, cut=cut)
    # Blocks of an image: one a direction and share of the channels.
    row = directions * -(-channels // layout.channels)
    if not cut:
        return layout, Cut(length, 1, images_a_block(batch, length, row, layout.resident * units))
    chunk = CHUNK
    if states == 4 and walks < FEW_WALKS_OF_4:  # as many chunks as fill the GPU once
        pieces = max(2, -(-layout.resident * units // (batch * row)))
        chunk = max(CHUNK // 4, -(-length // (pieces * 64)) * 64)
    return layout, Cut(chunk, -(-length // chunk), 1)


def forward_layout(
    walks: int, length: int, channels: int, states: int, x_bytes: int, step_bytes: int, *, cut: bool
) -> Layout:
    """Choose lanes and stages of a forward kernel.

    Args:
        walks: B K D.
        length: L.
        channels: D.
        states: N, 4 or 16.
        x_bytes: of an element of x.
        step_bytes: of an element of delta.
        cut: whether walks are cut into chunks.
    """
    wide = max(x_bytes, step_bytes) == 4
    if cut:
        shape = CUT_4_MANY if states == 4 and walks >= FEW_WALKS_OF_4 else CUT[states]
    elif length <= SHORT.positions and states == 16:
        shape = SHORT
    elif wide and states == 4 and walks >= FEW_WALKS_OF_4:
        shape = WIDE_4
    else:
        shape = next(shape for least, shape in WHOLE[states] if walks >= least)
    lanes, warps, positions, unroll, resident = shape
    warps = fitting_warps(warps, 32 // lanes, channels)
    # Stages of 4-byte elements are as many bytes at half the positions.
    positions = 16 if wide or length <= 16 else positions
    return make_layout(lanes, warps, positions, unroll, resident, states, x_bytes, step_bytes)


def make_layout(
    lanes: int,
    warps: int,
    positions: int,
    unroll: int,
    resident: int,
    states: int,
    x_bytes: int,
    step_bytes: int,
    stages: int = MOST_STAGES,
) -> Layout:
    """Return a layout with as many stages, up to `stages`, as leave room for `resident` blocks."""
    channels = warps * 32 // lanes
    stage = stage_bytes(channels, positions, states, x_bytes, step_bytes)
    room = (SHARED_BYTES // resident - BLOCK_BYTES) // (stage + 16)
    return Layout(lanes, warps, positions, max(2, min(stages, room)), unroll, resident, channels)


def stage_bytes(channels: int, positions: int, states: int, x_bytes: int, step_bytes: int) -> int:
    """Return the bytes of a stage: x, delta, B and C of its positions."""
    return positions * (channels * (x_bytes + step_bytes) + 2 * states * 4)


def is_cut(walks: int, length: int, states: int, element_bytes: int) -> bool:
    """Return whether a forward scan is cut into chunks, whose exponentials and reads are made twice.

    Args:
        walks: B K D.
        length: L.
        states: N, 4 or 16.
        element_bytes: of x or delta, the larger.
    """
    if states == 16:
        return walks < FEW_WALKS and length >= LONG_WALK
    if walks < FEW_WALKS_OF_4:
        return length >= LONG_WALK // 4
    return walks < 2 * FEW_WALKS_OF_4 and length >= LONG_WALK and element_bytes == 2


def images_a_block(batch: int, length: int, blocks_an_image: int, slots: int) -> int:
    """Return how many images a block takes in turns: short walks one after the other, as long as blocks last.

    Blocks of one long walk each, in several rounds, are 8 % faster than as many blocks as the GPU holds with
    more images each: what one waits longer for, others make up for. 1024 windows are 0.0726 ms with 16 a
    block, 0.0853 with 15, whose last blocks are a round of their own.

    Args:
        batch: B.
        length: L.
        blocks_an_image: if a block takes one image.
        slots: blocks that the GPU holds at once.
    """
    return max(1, min(batch, LEAST_POSITIONS // length, -(-batch * blocks_an_image // slots)))


def fitting_warps(warps: int, warp_channels: int, channels: int) -> int:
    """Return `warps` or, of 3 and 4, the other, where it leaves fewer lanes without a channel.

    Args:
        warps: of a block.
        warp_channels: channels of a warp.
        channels: D.
    """
    other = {3: 4, 4: 3}.get(warps, warps)
    padded = {
        count: -(-channels // (count * warp_channels)) * count * warp_channels for count in (warps, other)
    }
    return other if padded[other] < padded[warps] and other * warp_channels % 8 == 0 else warps
