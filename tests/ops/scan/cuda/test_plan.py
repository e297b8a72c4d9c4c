"""The rule of layouts: what was measured to be fastest, and what every layout must keep to."""

import itertools

import pytest

from cipa.ops.scan.cuda.backward_plan import SCRATCH_BYTES, backward_plan, images_of_round
from cipa.ops.scan.cuda.plan import (
    BLOCK_BYTES,
    SHARED_BYTES,
    fitting_warps,
    forward_plan,
    images_a_block,
    stage_bytes,
    takes,
    worthwhile,
)
from cipa.ops.scan.triton.plan import SEGMENT

UNITS = 132
FASTEST = {  # B, L, D, N, bytes: lanes, warps, positions, resident, chunk
    "stage 0, 32 images": ((32, 16384, 192, 16, 2), (2, 4, 32, 4, 16384)),
    "stage 1, 32 images": ((32, 4096, 384, 16, 2), (1, 4, 16, 3, 4096)),
    "stage 3, 8 images": ((8, 256, 1536, 16, 2), (1, 4, 16, 3, 256)),
    "stage 0, 8 images": ((8, 16384, 192, 16, 2), (4, 3, 32, 5, 16384)),
    "stage 0, 4 images": ((4, 16384, 192, 16, 2), (2, 4, 32, 4, 512)),
    "windows": ((16384, 16, 192, 16, 2), (1, 3, 16, 4, 16)),
    "stage 1, 32 images, float32": ((32, 4096, 384, 16, 4), (1, 4, 16, 3, 4096)),
    "decoder, 16 images of 128": ((16, 16384, 192, 4, 2), (1, 2, 32, 5, 512)),
    "decoder, 16 images of 64": ((16, 4096, 384, 4, 2), (1, 3, 32, 3, 4096)),
    "decoder, 16 images of 32": ((16, 1024, 768, 4, 2), (1, 4, 32, 3, 1024)),
    "decoder, 4 images of 32": ((4, 1024, 768, 4, 2), (2, 3, 32, 5, 1024)),
    "decoder, 1 image of 64": ((1, 4096, 384, 4, 2), (1, 3, 32, 4, 128)),
    "decoder, float32": ((16, 16384, 192, 4, 4), (1, 2, 16, 5, 16384)),
}
FASTEST_BACKWARD = {  # B, L, D, N: positions, resident, chunk
    "stage 0, 32 images": ((32, 16384, 192, 16), (16, 3, 16384)),
    "stage 0, 4 images": ((4, 16384, 192, 16), (16, 3, 1024)),
    "decoder, 4 images of 128": ((4, 16384, 192, 4), (8, 12, SEGMENT)),
    "decoder, 16 images of 32": ((16, 1024, 768, 4), (8, 12, SEGMENT)),
    "decoder, 4 images of 32": ((4, 1024, 768, 4), (16, 10, SEGMENT)),
    "decoder, 16 images of 128, for its scratch": ((16, 16384, 192, 4), (8, 12, 2 * SEGMENT)),
}
SIDES = ((1, 1), (1, 67), (4, 4), (9, 11), (16, 16), (32, 32), (128, 128), (301, 7))


@pytest.mark.parametrize(("shape", "fastest"), FASTEST.values(), ids=FASTEST.keys())
def test_shapes_of_the_network_take_what_was_fastest(shape, fastest):
    batch, length, channels, states, size = shape
    layout, cut = forward_plan(batch, length, channels, 4, states, size, size, UNITS)
    assert (layout.lanes, layout.warps, layout.positions, layout.resident, cut.chunk) == fastest


@pytest.mark.parametrize(("shape", "fastest"), FASTEST_BACKWARD.values(), ids=FASTEST_BACKWARD.keys())
def test_the_backward_pass_takes_what_was_fastest(shape, fastest):
    batch, length, channels, states = shape
    layout, cut = backward_plan(batch, length, channels, 4, states, 2, 2, UNITS)
    assert (layout.positions, layout.resident, cut.chunk) == fastest


@pytest.mark.parametrize("batch", [1, 3, 33, 20_000])
@pytest.mark.parametrize("channels", [8, 40, 192, 200, 2048])
def test_every_plan_covers_the_walk_and_fits_a_multiprocessor(batch, channels):
    kinds = itertools.product(SIDES, (1, 2, 4), (4, 16), (2, 4), (2, 4), (20, 132))
    for (height, width), directions, states, x_bytes, step_bytes, units in kinds:
        length = height * width
        shape = (batch, length, channels, directions, states, x_bytes, step_bytes, units)
        layout, cut = forward_plan(*shape)
        assert cut.chunk * (cut.chunks - 1) < length <= cut.chunk * cut.chunks
        assert cut.chunks == 1 or (cut.images == 1 and cut.chunk % layout.positions == 0)
        assert 1 <= cut.images <= batch
        stage = stage_bytes(layout.channels, layout.positions, states, x_bytes, step_bytes)
        assert layout.resident * (layout.stages * (stage + 16) + BLOCK_BYTES) <= SHARED_BYTES
        assert layout.stages >= 2
        assert layout.channels * x_bytes % 16 == layout.channels * step_bytes % 16 == 0
        backward, cut = backward_plan(*shape)
        assert cut.chunk * (cut.chunks - 1) < length <= cut.chunk * cut.chunks
        assert cut.chunks == 1 or cut.chunk % SEGMENT == 0
        assert 1 <= cut.images <= batch
        assert backward.shared_bytes(states, x_bytes, step_bytes) + BLOCK_BYTES <= SHARED_BYTES


@pytest.mark.parametrize("batch", [16, 64, 256])
def test_replayed_states_of_four_stay_below_their_bound(batch):
    layout, cut = backward_plan(batch, 16384, 192, 4, 4, 2, 2, UNITS)
    tiles, threads, values = layout.scratch_shape(4)
    blocks = batch * 4 * 3 * cut.chunks
    assert 4 * blocks * tiles * threads * values <= SCRATCH_BYTES


def test_short_walks_share_a_block_until_blocks_fill_the_gpu():
    assert images_a_block(1024, 16, 8, 528) == 16
    assert images_a_block(66, 16, 8, 528) == 1
    assert images_a_block(20_000, 4096, 8, 528) == 1


def test_backward_rounds_come_out_shortest():
    assert images_of_round(32, 16384, 12, 396) == 1  # 384 blocks: one round
    assert images_of_round(33, 16, 12, 396) == 1
    assert images_of_round(16384, 16, 12, 396) == 497


def test_three_or_four_warps_are_taken_as_channels_fit():
    assert fitting_warps(4, 32, 192) == 3
    assert fitting_warps(4, 32, 384) == 4
    assert fitting_warps(3, 8, 192) == 3
    assert fitting_warps(2, 32, 96) == 2


def test_other_states_and_odd_channels_are_left_to_triton():
    assert takes(192, 16)
    assert takes(8, 4)
    assert not takes(12, 16)
    assert not takes(192, 8)
    assert not worthwhile(1, 384, 192, 4)
    assert worthwhile(1, 4096, 8, 1)
