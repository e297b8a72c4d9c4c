"""The first pass of the scan's backward pass over chunks: what reaches a chunk's start from within it."""

import triton
import triton.language as tl

from cipa.ops.scan.triton.forward import AHEAD, RUN, load_rates, load_run
from cipa.ops.scan.triton.traversal import advance, fetch_ahead, index_at, stride_of, sum_fetched


@triton.jit(do_not_specialize=["unit", "height", "width", "chunk", "chunks"])
def chunk_states_backward(
    delta, values, dy, A_logs, unit, carried, sums, sink,
    height, width, channels, chunk, chunks,
    K: tl.constexpr, N: tl.constexpr, NP: tl.constexpr, BD: tl.constexpr, DIRECTIONS: tl.constexpr,
) -> None:  # fmt: skip
    """Fill carried (B, S, K, N, D), p at each chunk's first position, nothing coming from beyond its last.

    sums (B, S, K, D) takes the sum of the chunk's steps.
    """
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
    rate = load_rates(A_logs, unit, k, d, channels, N, NP)

    first = c * chunk
    last = tl.minimum(first + chunk, length)
    stride = -stride_of(direction, width)
    index = index_at(last - 1, direction, height, width)
    dy += b * length * channels
    delta += (b * length * K + k) * channels
    values += (b * length * K + k) * (2 * N) + N
    next_dys, next_steps = load_run(dy, delta, index, stride, length, d, inside, channels, K, RUN)
    carry = tl.zeros([BD, NP], tl.float32)
    total = tl.zeros([BD], tl.float32)
    valid = tl.minimum(channels - block * BD, BD)
    touched = tl.zeros([AHEAD], tl.float32)
    for done in range(0, last - first, AHEAD):
        indices = index_at(
            tl.maximum(last - 1 - done - AHEAD - tl.arange(0, AHEAD), 0), direction, height, width
        )
        ahead_dy = fetch_ahead(dy + block * BD, indices, channels, valid, BD)
        ahead_step = fetch_ahead(delta + block * BD, indices, K * channels, valid, BD)
        ahead_out = fetch_ahead(values, indices, 2 * K * N, N, N)
        for run in range(done, tl.minimum(done + AHEAD, last - first), RUN):
            dys, steps = next_dys, next_steps
            run_indices = ()
            for _ in tl.static_range(RUN):
                run_indices = run_indices + (index,)
                index = advance(index, stride, length)
            next_dys, next_steps = load_run(
                dy, delta, index, stride, length, d, inside, channels, K, RUN
            )  # fmt: skip
            for i in tl.static_range(RUN):
                # Before the walk's first position nothing decays and nothing comes in.
                live = run + i < last - first
                upstream = tl.where(live, dys[i].to(tl.float32), 0.0)
                step = tl.where(live, steps[i].to(tl.float32), 0.0)
                # C of values: (B, L, K, 2 N), a row (NP,)
                weight_out = tl.load(values + run_indices[i] * (2 * K * N) + n, mask=n < N, other=0.0)
                gradient = upstream[:, None] * weight_out.to(tl.float32)[None, :] + carry
                carry = tl.exp2(step[:, None] * rate) * gradient
                total += step
        touched += sum_fetched(ahead_dy) + sum_fetched(ahead_step) + sum_fetched(ahead_out)
    tl.store(sink + program * AHEAD + tl.arange(0, AHEAD), touched)
    out = (b * chunks + c) * K + k
    # sums: (B, S, K, D)
    tl.store(sums + out * channels + d, total, mask=inside)
    mask = inside[:, None] & (n < N)[None, :]
    # carried: (B, S, K, N, D), written from a tile (BD, NP)
    tl.store(carried + (out * N + n[None, :]) * channels + d[:, None] * unit, carry, mask=mask)
