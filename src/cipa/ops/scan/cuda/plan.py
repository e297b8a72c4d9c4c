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

LONG_WALK = 4096
"""Positions from which on a walk is cut."""

CHUNK = 512
"""Positions of a chunk."""

LEAST_WALKS = 1_500
"""Below, a walk too short to be cut is left to Triton, whose chunks go down to 16 positions."""

START = 48
"""What a block costs before its first position, in positions."""


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
        lanes, warps, unroll, resident = 2, 4, 4, 4
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


def forward_cut(
    batch: int, length: int, channels: int, directions: int, layout: Layout, units: int, *, cut: bool
) -> Cut:
    """Say which positions and images a block takes.

    Args:
        batch: B.
        length: L.
        channels: D.
        directions: K.
        layout: of the kernel.
        units: multiprocessors of the GPU.
        cut: whether walks are cut into chunks.
    """
    if cut:
        return Cut(CHUNK, -(-length // CHUNK), 1)
    row = directions * -(-channels // layout.channels)
    return Cut(length, 1, images_a_block(batch, length, row, layout.resident * units))


def is_cut(batch: int, length: int, channels: int, directions: int) -> bool:
    """Return whether a forward scan is cut into chunks."""
    return batch * directions * channels < FEW_WALKS and length >= LONG_WALK


@lru_cache(maxsize=256)
def images_a_block(batch: int, length: int, blocks_an_image: int, slots: int) -> int:
    """Return how many images a block takes in turns, so that the rounds of blocks come out shortest.

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


def backward_cut(
    batch: int, length: int, channels: int, directions: int, layout: BackwardLayout, slots: int
) -> Cut:
    """Say which segments and images a block of the backward kernel takes.

    A walk is cut where blocks would leave half of the GPU idle: the first pass over the chunks costs a
    quarter of the second. Blocks come in few rounds: each keeps the states of a segment in memory that must
    stay in the cache.

    Args:
        batch: B.
        length: L.
        channels: D.
        directions: K.
        layout: of the kernel.
        slots: blocks that the GPU holds at once.
    """
    row = directions * -(-channels // layout.channels)
    segments = -(-length // SEGMENT)
    if batch * row >= slots // 2 or segments == 1:
        return Cut(length, 1, images_a_block(batch, length, row, slots))
    pieces = min(segments, max(1, 2 * slots // (batch * row)))
    chunk = -(-segments // pieces) * SEGMENT
    return Cut(chunk, -(-length // chunk), 1)
