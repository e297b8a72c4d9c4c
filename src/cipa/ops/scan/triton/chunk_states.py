"""The states at the borders of chunks, from what each chunk does by itself.

Letters: B images, S chunks, K directions, N states, D channels, a block of BD of them a program.
"""

import triton
import triton.language as tl

TOGETHER = tl.constexpr(8)


@triton.jit(do_not_specialize=["chunks"])
def join_chunks(
    borders, sums, A_logs, channels, chunks,
    K: tl.constexpr, N: tl.constexpr, BD: tl.constexpr, FORWARDS: tl.constexpr,
) -> None:  # fmt: skip
    """Turn borders (B, S, K, N, D), in index, from what leaves each chunk alone into what enters it.

    The decay of a whole chunk is exp(A sum(delta)), with sums (B, S, K, D): N exponentials, not N a position.
    A program walks the chunks of one image, direction, state and block of channels. Reads of TOGETHER chunks
    come before any is waited for; 128 chunks read one by one would take as long as their scan.
    """
    blocks = tl.cdiv(channels, BD)
    program = tl.program_id(0)
    n = tl.program_id(1)
    d = (program % blocks) * BD + tl.arange(0, BD)
    k = (program // blocks) % K
    b = (program // (blocks * K)).to(tl.int64)
    inside = d < channels
    # A_logs: (K, D, N), one state of a block of channels, (BD,)
    logs = tl.load(A_logs + (k * channels + d) * N + n, mask=inside, other=0.0).to(tl.float32)
    rate = -1.4426950408889634 * tl.exp(logs)
    state = tl.zeros([BD], tl.float32)
    for group in range(0, chunks, TOGETHER):
        totals, leaving = (), ()
        for i in tl.static_range(TOGETHER):
            c = group + i if FORWARDS else chunks - 1 - group - i
            live = inside & (group + i < chunks)
            at = (b * chunks + c) * K + k
            # sums: (B, S, K, D), (BD,)
            totals = totals + (tl.load(sums + at * channels + d, mask=live, other=0.0),)
            # borders: (B, S, K, N, D), (BD,)
            leaving = leaving + (tl.load(borders + (at * N + n) * channels + d, mask=live, other=0.0),)
        for i in tl.static_range(TOGETHER):
            c = group + i if FORWARDS else chunks - 1 - group - i
            at = (b * chunks + c) * K + k
            # borders: (B, S, K, N, D), in place: what leaves a chunk becomes what enters it
            tl.store(borders + (at * N + n) * channels + d, state, mask=inside & (group + i < chunks))
            state = tl.exp2(totals[i] * rate) * state + leaving[i]
