"""How a scan is cut into programs: a rule on shapes and the GPU's size. Nothing is tuned at run time."""

from typing import NamedTuple

import torch

from cipa.ops.gpu import multiprocessors

CHANNELS = 32
"""Channels a program scans: one a lane."""

JOINED = 32
"""Channels a program joins the chunks of."""

SHORTEST_CHUNK = 16
"""Positions of a chunk at least: what a program reads ahead at once."""

WAVE_LENGTH = 256
"""Positions of a chunk from which on it is worth to have more chunks than run at once."""

MOST_WAVES = 4

SCAN_REGISTERS = {True: 168, False: 128}
"""Registers a lane of the forward kernel may take, by whether N is 16 or more. Without a bound the compiler
takes 134 and 76 and reads B and C just before it needs them: 1.13 to 1.17 and 1.05 to 1.21 times the time
(H100)."""

SEGMENT = 256
"""Positions between the states that the forward pass keeps for the backward one, which replays such a piece
at a time: what it leaves for itself stays in the cache then."""

REGISTERS_PER_UNIT = 65536
"""Of a multiprocessor; they are what bounds the forward kernel's programs there."""

BACKWARD_PROGRAMS_PER_UNIT = 8
"""Programs of one warp that a multiprocessor holds at the backward kernel's register use."""


class Plan(NamedTuple):
    """A walk of L positions is cut into `chunks` of `chunk`; a program takes `images` images one by one."""

    chunk: int
    chunks: int
    images: int


def plan_scan(
    batch: int, length: int, channels: int, directions: int, states: int, device: torch.device
) -> Plan:
    """Cut a scan where it would leave most of the GPU idle: chunks make their exponentials twice.

    Measured on an H200, in programs that run at once: from a quarter on, one chunk is faster than any number,
    for short walks from fewer on; below, whole waves are best (16 images, N 4: 17 chunks, 3.1 waves, 1.55 ms,
    16, 2.9 waves, 1.48 ms), one wave for short chunks, a few for long ones.

    Args:
        batch: images.
        length: positions of a walk.
        channels: D.
        directions: K.
        states: N.
        device: where it runs.

    Returns:
        The plan.
    """
    programs = batch * directions * -(-channels // CHANNELS)
    at_once = REGISTERS_PER_UNIT // (32 * SCAN_REGISTERS[states >= 16]) * multiprocessors(device)
    if programs * 4 >= at_once * min(1.0, length / (2 * WAVE_LENGTH)) or length <= SHORTEST_CHUNK:
        return Plan(length, 1, max(1, programs // (6 * at_once)))
    waves = min(MOST_WAVES, max(1, length * programs // (at_once * WAVE_LENGTH)))
    pieces = waves * at_once // programs
    chunk = -(-length // (pieces * SHORTEST_CHUNK)) * SHORTEST_CHUNK
    return Plan(chunk, -(-length // chunk), 1)


def plan_backward(
    batch: int, length: int, channels: int, directions: int, segment: int, device: torch.device
) -> Plan:
    """Cut a scan's backward pass likewise, at segments.

    Args:
        batch: images.
        length: positions of a walk.
        channels: D.
        directions: K.
        segment: positions between two kept states.
        device: where it runs.

    Returns:
        The plan; a chunk is a multiple of the segment, or the walk.
    """
    programs = batch * directions * -(-channels // CHANNELS)
    full = BACKWARD_PROGRAMS_PER_UNIT * multiprocessors(device)
    if programs * 2 >= 5 * full or length <= segment:
        return Plan(length, 1, max(1, programs // (3 * full)))
    pieces = -(-3 * full // programs)
    chunk = -(-length // (pieces * segment)) * segment
    return Plan(chunk, -(-length // chunk), 1)


def require_indexable(length: int, channels: int, directions: int, states: int) -> None:
    """Raise `ValueError` where one image's values are too many for the kernels' 32-bit offsets inside it.

    Args:
        length: positions of a walk.
        channels: D.
        directions: K.
        states: N.
    """
    values = 2 * length * directions * max(channels, 2 * states)  # the next image is fetched too
    if values >= 2**31:
        raise ValueError(
            f"ss2d: {length} pixels in {directions} directions of {channels} channels are more than the GPU "
            "kernel can address in one image; cut the map, or take CIPA_BACKEND=reference"
        )
