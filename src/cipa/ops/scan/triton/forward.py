"""The scan on a GPU, forwards: one warp a program, one lane a channel, its N states in the lane's registers.

Tiles are (BD, NP): channels over lanes, states inside a lane, so that neither the state update nor the sum
over states leaves the lane. That layout is what the compiler gives tiles whose strides it does not know. So
`unit`, the stride of a channel, comes as a run-time value though it is 1: with it known, four lanes share a
channel's states and each position pays shuffles and a barrier (181 instructions in index of 120).

A long walk at a small batch has too few programs to fill a GPU. It is cut into S chunks: `chunk_ends` scans
each from a zero state, `chunk_states.join_chunks` makes of these ends the state at each chunk's start, and
`scan_chunks` scans again from there.

To hide the latency of memory, AHEAD positions are fetched into the cache while those before are computed, and
from there x and step of the next RUN positions into registers. A run's reads come before all its writes.
`values` (B, L, K, 2 N) holds B and C in float32, which lets four of them come with one load.

Letters: B images, L positions, K directions, D channels, N states, S chunks of `chunk` positions.
"""

import triton
import triton.language as tl

from cipa.ops.scan.triton.traversal import advance, fetch_ahead, index_at, stride_of, sum_fetched

AHEAD = tl.constexpr(16)
RUN = tl.constexpr(4)


@triton.jit
def load_rates(A_logs, unit, k, d, channels, N: tl.constexpr, NP: tl.constexpr):
    """Return A log2(e) as a tile (BD, NP), A = -exp(A_logs): the hardware's exponential is a power of two.

    Lanes and states beyond the last are zero and stay without effect.
    """
    n = tl.arange(0, NP)
    mask = (d < channels)[:, None] & (n < N)[None, :]
    # A_logs: (K, D, N), a tile (BD, NP)
    logs = tl.load(
        A_logs + k * channels * N + d[:, None] * (N * unit) + n[None, :] * unit, mask=mask, other=0.0
    )
    return tl.where(mask, -1.4426950408889634 * tl.exp(logs.to(tl.float32)), 0.0)


@triton.jit
def load_run(x, delta, index, stride, length, d, inside, channels, K: tl.constexpr, RUN: tl.constexpr):
    """Return x and step, a tile each, of the RUN positions from `index` on."""
    us, steps = (), ()
    for _ in tl.static_range(RUN):
        # x: (L, D) of an image, (BD,)
        us = us + (tl.load(x + index * channels + d, mask=inside, other=0.0),)
        # delta: (L, K, D) of an image, (BD,)
        steps = steps + (tl.load(delta + index * (K * channels) + d, mask=inside, other=0.0),)
        index = advance(index, stride, length)
    return us, steps


@triton.jit(do_not_specialize=["unit", "height", "width", "chunk", "chunks"])
def chunk_ends(
    x, delta, values, A_logs, unit, ends, sums, sink,
    height, width, channels, chunk, chunks,
    K: tl.constexpr, N: tl.constexpr, NP: tl.constexpr, BD: tl.constexpr,
    DIRECTIONS: tl.constexpr,
) -> None:  # fmt: skip
    """Fill ends (B, S, K, N, D), each chunk's last state from zero, and sums (B, S, K, D) of its steps."""
    blocks = tl.cdiv(channels, BD)
    program = tl.program_id(0)
    block = program % blocks
    k = (program // blocks) % K
    c = (program // (blocks * K)) % chunks
    b = (program // (blocks * K * chunks)).to(tl.int64)
    direction = (DIRECTIONS >> (2 * k)) & 3
    length = height * width
    d = block * BD + tl.arange(0, BD)
    n = tl.arange(0, NP)
    inside = d < channels
    decay_rate = load_rates(A_logs, unit, k, d, channels, N, NP)

    first = c * chunk
    last = tl.minimum(first + chunk, length)
    stride = stride_of(direction, width)
    index = index_at(first, direction, height, width)
    x += b * length * channels
    delta += (b * length * K + k) * channels
    values += (b * length * K + k) * (2 * N)
    next_us, next_steps = load_run(x, delta, index, stride, length, d, inside, channels, K, RUN)
    state = tl.zeros([BD, NP], tl.float32)
    total = tl.zeros([BD], tl.float32)
    valid = tl.minimum(channels - block * BD, BD)
    touched = tl.zeros([AHEAD], tl.float32)
    for group in range(first, last, AHEAD):
        indices = index_at(
            tl.minimum(tl.arange(0, AHEAD) + (group + AHEAD), length - 1), direction, height, width
        )
        ahead_x = fetch_ahead(x + block * BD, indices, channels, valid, BD)
        ahead_step = fetch_ahead(delta + block * BD, indices, K * channels, valid, BD)
        ahead_in = fetch_ahead(values, indices, 2 * K * N, N, N)
        for run in range(group, tl.minimum(group + AHEAD, last), RUN):
            us, steps = next_us, next_steps
            run_indices = ()
            for _ in tl.static_range(RUN):
                run_indices = run_indices + (index,)
                index = advance(index, stride, length)
            next_us, next_steps = load_run(x, delta, index, stride, length, d, inside, channels, K, RUN)
            for i in tl.static_range(RUN):
                # Past the walk's end nothing decays and nothing comes in.
                live = run + i < last
                u, step = us[i].to(tl.float32), tl.where(live, steps[i].to(tl.float32), 0.0)
                # B of values: (L, K, 2 N) of an image, a row (NP,) broadcast to all channels
                weight_in = tl.load(values + run_indices[i] * (2 * K * N) + n, mask=n < N, other=0.0)
                decay = tl.exp2(step[:, None] * decay_rate)
                state = decay * state + (step * u)[:, None] * weight_in.to(tl.float32)[None, :]
                total += step
        touched += sum_fetched(ahead_x) + sum_fetched(ahead_step) + sum_fetched(ahead_in)
    # sink: (programs, AHEAD); nobody reads it, but without it the compiler drops the reads ahead
    tl.store(sink + program * AHEAD + tl.arange(0, AHEAD), touched)
    out = (b * chunks + c) * K + k
    # sums: (B, S, K, D); ends: (B, S, K, N, D)
    tl.store(sums + out * channels + d, total, mask=inside)
    mask = inside[:, None] & (n < N)[None, :]
    tl.store(ends + (out * N + n[None, :]) * channels + d[:, None] * unit, state, mask=mask)


@triton.jit(do_not_specialize=["unit", "images", "each", "height", "width", "chunk", "chunks", "segment"])
def scan_chunks(
    x, delta, values, A_logs, unit, skip, starts, states, y, sink,
    images, each, height, width, channels, chunk, chunks, segment,
    K: tl.constexpr, N: tl.constexpr, NP: tl.constexpr, BD: tl.constexpr,
    DIRECTIONS: tl.constexpr, SAVE: tl.constexpr,
) -> None:  # fmt: skip
    """Fill y (B, L, K, D) and, if SAVE, states (B, segments, K, N, D) with the state at each segment's start.

    A segment is a multiple of AHEAD positions, or as long as a chunk. A program scans the same chunk of
    `each` images, one after the other, each from its state in starts (B, S, K, N, D) where S is more than 1.
    """
    blocks = tl.cdiv(channels, BD)
    program = tl.program_id(0)
    block = program % blocks
    k = (program // blocks) % K
    c = (program // (blocks * K)) % chunks
    group = program // (blocks * K * chunks)
    direction = (DIRECTIONS >> (2 * k)) & 3
    length = height * width
    d = block * BD + tl.arange(0, BD)
    n = tl.arange(0, NP)
    inside = d < channels
    tile = inside[:, None] & (n < N)[None, :]
    decay_rate = load_rates(A_logs, unit, k, d, channels, N, NP)
    # skip: (K, D), (BD,)
    skip_weight = tl.load(skip + k * channels + d, mask=inside, other=0.0).to(tl.float32)
    first = c * chunk
    last = tl.minimum(first + chunk, length)
    stride = stride_of(direction, width)
    start = index_at(first, direction, height, width)

    own = group * each
    valid = tl.minimum(channels - block * BD, BD)
    touched = tl.zeros([AHEAD], tl.float32)
    for image in range(tl.minimum(each, images - own)):
        b = own.to(tl.int64) + image
        at = (b * chunks + c) * K + k
        # starts: (B, S, K, N, D), a tile (BD, NP)
        state = tl.load(
            starts + (at * N + n[None, :]) * channels + d[:, None] * unit, mask=tile & (chunks > 1), other=0.0
        )
        index = start
        x_image = x + b * length * channels
        delta_image = delta + (b * length * K + k) * channels
        y_image = y + (b * length * K + k) * channels
        values_image = values + (b * length * K + k) * (2 * N)
        next_us, next_steps = load_run(
            x_image, delta_image, index, stride, length, d, inside, channels, K, RUN
        )
        for positions in range(first, last, AHEAD):
            if SAVE:  # noqa: SIM102 (a constant: the other branch is not compiled)
                if positions % segment == 0:
                    at = (b * tl.cdiv(length, segment) + positions // segment) * K + k
                    # states: (B, segments, K, N, D), a tile (BD, NP)
                    tl.store(states + (at * N + n[None, :]) * channels + d[:, None] * unit, state, mask=tile)
            # The next positions of this image or, where there are none, the first of the next.
            within = positions + AHEAD < last
            onward = tl.where(within, positions + AHEAD, first) + tl.arange(0, AHEAD)
            indices = index_at(tl.minimum(onward, length - 1), direction, height, width)
            shift = tl.where(within, 0, tl.minimum(images - 1 - own - image, 1)) * length
            ahead_x = fetch_ahead(x_image + block * BD, indices + shift, channels, valid, BD)
            ahead_step = fetch_ahead(delta_image + block * BD, indices + shift, K * channels, valid, BD)
            ahead_values = fetch_ahead(values_image, indices + shift, 2 * K * N, 2 * N, 2 * N)
            for run in range(positions, tl.minimum(positions + AHEAD, last), RUN):
                us, steps = next_us, next_steps
                run_indices, results = (), ()
                for _ in tl.static_range(RUN):
                    run_indices = run_indices + (index,)
                    index = advance(index, stride, length)
                next_us, next_steps = load_run(
                    x_image, delta_image, index, stride, length, d, inside, channels, K, RUN
                )
                for i in tl.static_range(RUN):
                    u, step = us[i].to(tl.float32), steps[i].to(tl.float32)
                    at_pixel = values_image + run_indices[i] * (2 * K * N) + n
                    # B and C of values: (L, K, 2 N) of an image, rows (NP,) broadcast to all channels
                    weight_in = tl.load(at_pixel, mask=n < N, other=0.0).to(tl.float32)
                    weight_out = tl.load(at_pixel + N, mask=n < N, other=0.0).to(tl.float32)
                    decay = tl.exp2(step[:, None] * decay_rate)
                    state = decay * state + (step * u)[:, None] * weight_in[None, :]
                    # the sum over states lies within a lane: no shuffle a position
                    results = results + (tl.sum(state * weight_out[None, :], axis=1) + skip_weight * u,)
                for i in tl.static_range(RUN):
                    # y: (L, K, D) of an image, (BD,); after the run's reads: none moves up past a write
                    live = d < tl.where(run + i < last, channels, 0)
                    tl.store(
                        y_image + run_indices[i] * (K * channels) + d,
                        results[i].to(y.dtype.element_ty), mask=live,
                    )  # fmt: skip
            touched += sum_fetched(ahead_x) + sum_fetched(ahead_step) + sum_fetched(ahead_values)
    tl.store(sink + program * AHEAD + tl.arange(0, AHEAD), touched)
