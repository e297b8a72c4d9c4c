"""How a backward scan is laid out on lanes, warps and blocks: a rule, found as that of `plan`.

Letters: B images, L positions of a walk, K directions, D channels, N states.
"""

from functools import lru_cache
from typing import NamedTuple

from cipa.ops.scan.cuda.plan import BLOCK_BYTES, SHARED_BYTES, Cut, fitting_warps
from cipa.ops.scan.triton.plan import SEGMENT

START = 48
"""What a block costs before its first position, in positions."""

SCRATCH_BYTES = 512 << 20
"""Of replayed states, all blocks together. With 4 states, chunks of two segments for one keep 16 images of
128 x 128 below it and take 2.06 ms for 2.03."""


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

    def scratch_shape(self, states: int) -> tuple[int, int, int]:
        """Return the shape of a block's scratch, float32: every `tile`-th state of a segment."""
        return SEGMENT // self.tile, self.threads, 2 * states // self.lanes

    def held(self, states: int, x_bytes: int, dy_bytes: int) -> int:
        """Return how many blocks a multiprocessor holds at once."""
        room = SHARED_BYTES // (self.shared_bytes(states, x_bytes, dy_bytes) + BLOCK_BYTES)
        return max(1, min(self.resident, room))


LAYOUT_16 = BackwardLayout(lanes=4, warps=4, positions=16, tile=4, stages=4, resident=3)
"""16 states; 32 images of 128 x 128 x 192 take 9.77 ms, with 3 or 12 warps 10.2 and 10.1."""

LAYOUTS_4 = (
    BackwardLayout(lanes=1, warps=1, positions=16, tile=4, stages=3, resident=10),
    BackwardLayout(lanes=1, warps=1, positions=8, tile=4, stages=4, resident=12),
)
"""4 states: the second, with half as long stages, where it saves a round of blocks. 4 images of 128 x 128 x
192 take 0.581 and 0.539 ms, 4 of 32 x 32 x 768, one round of either, 0.166 and 0.183."""


def backward_layout(channels: int, states: int) -> BackwardLayout:
    """Choose the backward kernel's shape where blocks are many.

    Args:
        channels: D.
        states: N, 4 or 16.
    """
    if states == 4:
        return LAYOUTS_4[0]
    return LAYOUT_16._replace(warps=fitting_warps(LAYOUT_16.warps, 16, channels))


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

    A walk of 16 states is cut where blocks would leave half of the GPU idle: the first pass over the chunks
    costs a quarter of the second. One of 4 states is cut at every segment: 16 images of 64 x 64 x 384 take
    1.02 ms, 1.04 at every other one, 1.20 where blocks come in whole rounds of long walks.

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
    if segments == 1 or (states == 16 and batch * row >= slots // 2):
        return layout, Cut(length, 1, images_of_round(batch, length, row, slots))
    if states == 16:
        pieces = min(segments, max(1, 2 * slots // (batch * row)))
    else:
        pieces = min(segments, max(1, _most_blocks(layout, states) // (batch * row)))
    chunk = -(-segments // pieces) * SEGMENT
    cut = Cut(chunk, -(-length // chunk), 1)
    if states == 4:
        blocks = batch * row * cut.chunks
        rounds = [-(-blocks // (each.held(states, x_bytes, dy_bytes) * units)) for each in LAYOUTS_4]
        layout = LAYOUTS_4[rounds[1] < rounds[0]]
    return layout, cut


def _most_blocks(layout: BackwardLayout, states: int) -> int:
    """Return of how many blocks the scratch stays below `SCRATCH_BYTES`."""
    tiles, threads, values = layout.scratch_shape(states)
    return SCRATCH_BYTES // (4 * tiles * threads * values)


@lru_cache(maxsize=256)
def images_of_round(batch: int, length: int, blocks_an_image: int, slots: int) -> int:
    """Return how many images a block takes: rounds of blocks come out shortest.

    Blocks come in few rounds: each keeps the states of a segment in memory that must stay in the cache.

    Args:
        batch: B.
        length: L.
        blocks_an_image: if a block takes one image.
        slots: blocks that the GPU holds at once.
    """

    def cost(images: int) -> tuple[int, int]:
        """Return how long the launch takes, in positions, for so many images a block."""
        blocks = -(-batch // images) * blocks_an_image
        return -(-blocks // slots) * (images * length + START), images

    return min((cost(images) for images in range(1, min(batch, 4096) + 1)), default=(0, 1))[1]
