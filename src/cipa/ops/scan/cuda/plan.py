"""How a scan is laid out on lanes, warps and blocks: a rule on shapes and the GPU's size, tuned on an H100.

Letters: B images, L positions of a walk, K directions, D channels, N states. A walk is one channel of one
direction of one image.
"""

from functools import lru_cache
from typing import NamedTuple

from cipa.ops.scan.triton.plan import SEGMENT

SHARED_BYTES = 227 * 1024
"""Shared memory that blocks of a multiprocessor share (compute capability 9.0)."""

BLOCK_BYTES = 1024
"""Of it, what the system keeps for each block."""

MOST_STAGES = 5

MANY_WALKS = 24_000
"""From here on two lanes a channel give every scheduler three warps; below, four lanes."""

FEW_WALKS = 3_200
"""Below, long walks are cut into chunks though their exponentials are then made twice."""

FEW_WALKS_OF_4 = 16_000
"""The same with 4 states, which cost a quarter of the exponentials."""

LONG_WALK = 4096
"""Positions from which on a walk is cut; a quarter of it with 4 states."""

LEAST_POSITIONS = 256
"""Of a forward block: it takes as many short walks one after the other."""

CHUNK = 512
"""Positions of a chunk."""

LEAST_WALKS = 1_500
"""Below, a walk too short to be cut is left to Triton, whose chunks go down to 16 positions."""

START = 48
"""What a backward block costs before its first position, in positions."""


class Layout(NamedTuple):
    """A kernel's shape.

    Attributes:
        lanes: that share a channel.
        warps: that compute, of a block; the forward kernels have one more, which moves data.
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
    cut = is_cut(walks, length, states)
    layout = forward_layout(walks, length, channels, states, x_bytes, step_bytes, cut=cut)
    row = directions * -(-channels // layout.channels)
    if not cut:
        return layout, Cut(length, 1, images_a_block(batch, length, row, layout.resident * units))
    chunk = CHUNK
    if states == 4:
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
        cut: whether walks are cut into chunks, of which there are many.
    """
    if states == 4:
        lanes, warps, unroll, resident = (2, 4, 4, 4) if walks >= MANY_WALKS and not cut else (1, 3, 4, 4)
    elif length <= 16:
        lanes, warps, unroll, resident = 1, 3, 4, 4
    elif walks >= MANY_WALKS or cut:
        lanes, warps, unroll, resident = 2, 4, 4, 3
    else:
        lanes, warps, unroll, resident = 4, 3, 2, 5
    warps = _fitting(warps, 32 // lanes, channels)
    positions = 32 if length > 16 and max(x_bytes, step_bytes) == 2 else 16
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


def is_cut(walks: int, length: int, states: int) -> bool:
    """Return whether a forward scan is cut into chunks.

    Args:
        walks: B K D.
        length: L.
        states: N, 4 or 16.
    """
    few = FEW_WALKS if states == 16 else FEW_WALKS_OF_4
    return walks < few and length >= (LONG_WALK if states == 16 else LONG_WALK // 4)


def images_a_block(batch: int, length: int, blocks_an_image: int, slots: int) -> int:
    """Return how many images a block takes in turns: short walks one after the other, as long as blocks last.

    Blocks of one long walk each, in several rounds, are 8 % faster than as many blocks as the GPU holds with
    more images each: what one waits longer for, others make up for.

    Args:
        batch: B.
        length: L.
        blocks_an_image: if a block takes one image.
        slots: blocks that the GPU holds at once.
    """
    return max(1, min(LEAST_POSITIONS // length, batch * blocks_an_image // slots))


@lru_cache(maxsize=256)
def images_of_round(batch: int, length: int, blocks_an_image: int, slots: int) -> int:
    """Return how many images a block of the backward kernel takes: rounds of blocks come out shortest.

    Args:
        batch: B.
        length: L.
        blocks_an_image: if a block takes one image.
        slots: blocks that the GPU holds at once.
    """

    def cost(images: int) -> tuple[int, int]:
        blocks = -(-batch // images) * blocks_an_image
        return -(-blocks // slots) * (images * length + START), images

    return min((cost(images) for images in range(1, min(batch, 4096) + 1)), default=(0, 1))[1]


def _fitting(warps: int, warp_channels: int, channels: int) -> int:
    """Return `warps` or the other of 3 and 4, whichever leaves fewer lanes without a channel."""
    other = 7 - warps
    padded = {
        count: -(-channels // (count * warp_channels)) * count * warp_channels for count in (warps, other)
    }
    return other if padded[other] < padded[warps] and other * warp_channels % 8 == 0 else warps


class BackwardLayout(NamedTuple):
    """The backward kernel's shape; a lane has two channels.

    Attributes:
        lanes: that share their channels.
        warps: of a block.
        positions: of a stage, T.
        tile: positions whose states and exponentials are in registers at once.
        stages: of the ring.
        resident: blocks that a multiprocessor's registers must hold at least.
    """

    lanes: int
    warps: int
    positions: int
    tile: int
    stages: int
    resident: int

    @property
    def channels(self) -> int:
        """Channels of a block."""
        return self.warps * 64 // self.lanes

    @property
    def threads(self) -> int:
        """Threads of a block."""
        return self.warps * 32

    def shared_bytes(self, states: int, x_bytes: int, dy_bytes: int) -> int:
        """Return the dynamic shared memory of a block: the ring, sums of two stages, places."""
        stage = self.positions * (self.channels * (2 * x_bytes + dy_bytes) + 2 * states * 4)
        sums = 2 * self.warps * self.positions * 2 * states * 4
        return self.stages * stage + sums + (self.stages + 2) * self.positions * 4

    def held(self, states: int, x_bytes: int, dy_bytes: int) -> int:
        """Return how many blocks a multiprocessor holds at once."""
        room = SHARED_BYTES // (self.shared_bytes(states, x_bytes, dy_bytes) + BLOCK_BYTES)
        return max(1, min(self.resident, room))


def backward_layout(channels: int, states: int) -> BackwardLayout:
    """Choose the backward kernel's shape.

    Args:
        channels: D.
        states: N, 4 or 16.
    """
    if states == 4:
        return BackwardLayout(lanes=1, warps=1, positions=16, tile=4, stages=3, resident=10)
    return BackwardLayout(
        lanes=4, warps=_fitting(4, 16, channels), positions=16, tile=4, stages=4, resident=3
    )


@lru_cache(maxsize=256)
def backward_plan(
    batch: int,
    length: int,
    channels: int,
    directions: int,
    states: int,
    x_bytes: int,
    dy_bytes: int,
    units: int,
) -> tuple[BackwardLayout, Cut]:
    """Choose lanes, stages and pieces of a backward scan.

    A walk is cut where blocks would leave half of the GPU idle: the first pass over the chunks costs a
    quarter of the second. Blocks come in few rounds: each keeps the states of a segment in memory that must
    stay in the cache.

    Args:
        batch: B.
        length: L.
        channels: D.
        directions: K.
        states: N, 4 or 16.
        x_bytes: of an element of x and delta.
        dy_bytes: of an element of the upstream gradient.
        units: multiprocessors of the GPU.
    """
    layout = backward_layout(channels, states)
    slots = layout.held(states, x_bytes, dy_bytes) * units
    row = directions * -(-channels // layout.channels)
    segments = -(-length // SEGMENT)
    if batch * row >= slots // 2 or segments == 1:
        return layout, Cut(length, 1, images_of_round(batch, length, row, slots))
    pieces = min(segments, max(1, 2 * slots // (batch * row)))
    chunk = -(-segments // pieces) * SEGMENT
    return layout, Cut(chunk, -(-length // chunk), 1)
