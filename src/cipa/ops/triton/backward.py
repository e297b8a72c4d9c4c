"""The scan on a GPU, backwards. Layout, chunks and letters are those of `forward.py`.

With g_l the gradient of the state h_l, decay_l = exp(delta_l A), p_l = decay_l g_l what passes on to h_{l-1}:

    g_l      = C_l dy_l + p_{l+1}
    dC_l     = sum_d h_l dy_l                   dB_l = sum_d g_l delta_l u_l
    ddelta_l = sum_n A h_{l-1} p_l + u_l q_l    q_l  = sum_n g_l B_l
    du_l     = delta_l q_l + skip dy_l          dA   = sum_l delta_l h_{l-1} p_l

The states h are needed in reverse order. A program first replays its chunk from the saved start and leaves
the state of every T-th position in memory; then it takes T positions at a time, last first, recomputes their
T states into registers and walks back over them. Replaying costs two exponentials a state more; keeping all
states would cost 64 bytes a channel and position.

Sums over channels leave the lanes' block as partial sums (blocks of 32 channels), added up outside in a fixed
order: no atomic addition, so gradients do not change from run to run.
"""

import triton
import triton.language as tl

from cipa.ops.triton.forward import AHEAD, load_rates
from cipa.ops.triton.lanes import store_sums
from cipa.ops.triton.walk import fetch_ahead, place_of, step_from, stride_of


@triton.jit(do_not_specialize=["unit", "height", "width", "chunk", "chunks"])
def chunk_passes(
    delta, values, dy, A_logs, unit, passes, sums, sink,
    height, width, channels, chunk, chunks,
    K: tl.constexpr, N: tl.constexpr, NP: tl.constexpr, BD: tl.constexpr, DIRECTIONS: tl.constexpr,
):  # fmt: skip
    """Fill passes (B, S, K, N, D), p at each chunk's first position where nothing comes from beyond its last.

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
    place = place_of(last - 1, direction, height, width)
    dy += b * length * channels
    delta += (b * length * K + k) * channels
    values += (b * length * K + k) * (2 * N) + N
    next_dy = tl.load(dy + place * channels + d, mask=inside, other=0.0)
    next_step = tl.load(delta + place * (K * channels) + d, mask=inside, other=0.0)
    next_out = tl.load(values + place * (2 * K * N) + n, mask=n < N, other=0.0)
    passed = tl.zeros([BD, NP], tl.float32)
    total = tl.zeros([BD], tl.float32)
    valid = tl.minimum(channels - block * BD, BD)
    touched = tl.zeros([AHEAD], tl.float32)
    for done in range(0, last - first, AHEAD):
        places = place_of(
            tl.maximum(last - 1 - done - AHEAD - tl.arange(0, AHEAD), 0), direction, height, width
        )
        ahead_dy = fetch_ahead(dy + block * BD, places, channels, valid, BD)
        ahead_step = fetch_ahead(delta + block * BD, places, K * channels, valid, BD)
        ahead_out = fetch_ahead(values, places, 2 * K * N, N, N)
        for _ in tl.range(done, tl.minimum(done + AHEAD, last - first), loop_unroll_factor=2):
            upstream, step, weight_out = next_dy.to(tl.float32), next_step.to(tl.float32), next_out
            place = step_from(place, stride, length)
            next_dy = tl.load(dy + place * channels + d, mask=inside, other=0.0)
            next_step = tl.load(delta + place * (K * channels) + d, mask=inside, other=0.0)
            next_out = tl.load(values + place * (2 * K * N) + n, mask=n < N, other=0.0)
            passed = tl.exp2(step[:, None] * rate) * (upstream[:, None] * weight_out[None, :] + passed)
            total += step
        touched += ahead_dy + ahead_step + ahead_out
    tl.store(sink + program * AHEAD + tl.arange(0, AHEAD), touched)
    out = (b * chunks + c) * K + k
    tl.store(sums + out * channels + d, total, mask=inside)
    mask = inside[:, None] & (n < N)[None, :]
    tl.store(passes + (out * N + n[None, :]) * channels + d[:, None] * unit, passed, mask=mask)


@triton.jit
def advance(state, x, delta, values, place, d, n, rate, inside, channels, K: tl.constexpr, N: tl.constexpr):
    """Return the state after the pixel at `place`."""
    u = tl.load(x + place * channels + d, mask=inside, other=0.0).to(tl.float32)
    step = tl.load(delta + place * (K * channels) + d, mask=inside, other=0.0).to(tl.float32)
    weight_in = tl.load(values + place * (2 * K * N) + n, mask=n < N, other=0.0)
    return tl.exp2(step[:, None] * rate) * state + (step * u)[:, None] * weight_in[None, :]


@triton.jit(do_not_specialize=["unit", "images", "each", "height", "width", "chunk", "chunks"])
def scan_chunks_backward(
    x, delta, values, dy, A_logs, unit, skip, states, passes, sums, replayed,
    dx, draw, dvalues, dA_logs, dbias, dskip, sink,
    images, each, height, width, channels, chunk, chunks,
    K: tl.constexpr, N: tl.constexpr, NP: tl.constexpr, BD: tl.constexpr, DIRECTIONS: tl.constexpr,
    T: tl.constexpr, SAVED: tl.constexpr,
):  # fmt: skip
    """Fill the gradients; a program takes the same chunk of `each` images, one after the other.

    dx and draw, (B, L, K, D), are those of x and of the step before softplus, for each direction; dvalues
    (B, L, K, D / BD, 2 N) those of B and C for each block of channels; dA_logs (G, S, K, N, D), dbias and
    dskip (G, S, K, D) those of A_logs, the bias and the skip weight for each of G groups of images.
    `replayed` (programs, chunk / T, N, BD) is scratch. `states` counts where SAVED, else every chunk starts
    from zero.
    """
    blocks = tl.cdiv(channels, BD)
    program = tl.program_id(0)
    block = program % blocks
    k = (program // blocks) % K
    c = (program // (blocks * K)) % chunks
    group = program // (blocks * K * chunks)
    direction = (DIRECTIONS >> (2 * k)) & 3
    length = height * width
    lane = tl.arange(0, BD)
    d = block * BD + lane
    n = tl.arange(0, NP)
    inside = d < channels
    tile = inside[:, None] & (n < N)[None, :]
    rate = load_rates(A_logs, unit, k, d, channels, N, NP)
    skip_weight = tl.load(skip + k * channels + d, mask=inside, other=0.0).to(tl.float32)
    first = c * chunk
    count = tl.minimum(chunk, length - first)
    stride = stride_of(direction, width)
    start = place_of(first, direction, height, width)
    runs = tl.cdiv(count, T)
    replayed += program.to(tl.int64) * tl.cdiv(chunk, T) * (NP * BD)
    corner = n[None, :] * BD + lane[:, None] * unit

    valid = tl.minimum(channels - block * BD, BD)
    touched = tl.zeros([T], tl.float32)
    da_sum = tl.zeros([BD, NP], tl.float32)
    dbias_sum = tl.zeros([BD], tl.float32)
    dskip_sum = tl.zeros([BD], tl.float32)
    own = group * each
    for image in range(tl.minimum(each, images - own)):
        b = own.to(tl.int64) + image
        x_image = x + b * length * channels
        dy_image = dy + b * length * channels
        row = b * length * K + k
        delta_image = delta + row * channels
        values_image = values + row * (2 * N)
        dx_image = dx + row * channels
        draw_image = draw + row * channels
        dvalues_image = dvalues + (row * blocks + block) * (2 * N)

        state = tl.zeros([BD, NP], tl.float32)
        if SAVED:
            saved = (b * chunks + c) * K + k
            state = tl.load(
                states + (saved * N + n[None, :]) * channels + d[:, None] * unit, mask=tile, other=0.0
            )
        place = start
        for run in range(runs):
            tl.store(replayed + run * (NP * BD) + corner, state)
            ahead = tl.minimum(first + (run + 1) * T + tl.arange(0, T), length - 1)
            places_ahead = place_of(ahead, direction, height, width)
            ahead_x = fetch_ahead(x_image + block * BD, places_ahead, channels, valid, BD)
            ahead_step = fetch_ahead(delta_image + block * BD, places_ahead, K * channels, valid, BD)
            ahead_in = fetch_ahead(values_image, places_ahead, 2 * K * N, N, N)
            for _ in range(run * T, tl.minimum((run + 1) * T, count)):
                state = advance(
                    state, x_image, delta_image, values_image, place, d, n, rate, inside, channels, K, N
                )
                place = step_from(place, stride, length)
            touched += ahead_x + ahead_step + ahead_in

        passed = tl.zeros([BD, NP], tl.float32)
        for back in range(chunks - 1 - c):
            beyond = (b * chunks + (chunks - 1 - back)) * K + k
            total = tl.load(sums + beyond * channels + d, mask=inside, other=0.0)
            local = tl.load(
                passes + (beyond * N + n[None, :]) * channels + d[:, None] * unit, mask=tile, other=0.0
            )
            passed = tl.exp2(total[:, None] * rate) * passed + local

        for back in range(runs):
            run = runs - 1 - back
            state = tl.load(replayed + run * (NP * BD) + corner)
            place = place_of(first + run * T, direction, height, width)
            # Past the chunk's end steps are zero: the state stays and nothing is passed on or stored.
            left = count - run * T
            ahead = tl.maximum(first + (run - 1) * T + tl.arange(0, T), 0)
            places_ahead = place_of(ahead, direction, height, width)
            ahead_x = fetch_ahead(x_image + block * BD, places_ahead, channels, valid, BD)
            ahead_dy = fetch_ahead(dy_image + block * BD, places_ahead, channels, valid, BD)
            ahead_step = fetch_ahead(delta_image + block * BD, places_ahead, K * channels, valid, BD)
            ahead_values = fetch_ahead(values_image, places_ahead, 2 * K * N, 2 * N, 2 * N)
            before = (state,)
            places = (place,)
            for i in tl.static_range(T):
                live = d < tl.where(left > i, channels, 0)
                u = tl.load(x_image + place * channels + d, mask=live, other=0.0).to(tl.float32)
                step = tl.load(delta_image + place * (K * channels) + d, mask=live, other=0.0).to(tl.float32)
                weight_in = tl.load(values_image + place * (2 * K * N) + n, mask=n < N, other=0.0)
                state = tl.exp2(step[:, None] * rate) * state + (step * u)[:, None] * weight_in[None, :]
                before = before + (state,)
                place = step_from(place, stride, length)
                places = places + (place,)
            for i in tl.static_range(T - 1, -1, -1):
                live = d < tl.where(left > i, channels, 0)
                listed = tl.where(left > i, N, 0)
                spot = places[i]
                u = tl.load(x_image + spot * channels + d, mask=live, other=0.0).to(tl.float32)
                step = tl.load(delta_image + spot * (K * channels) + d, mask=live, other=0.0).to(tl.float32)
                upstream = tl.load(dy_image + spot * channels + d, mask=live, other=0.0).to(tl.float32)
                weight_in = tl.load(values_image + spot * (2 * K * N) + n, mask=n < N, other=0.0)
                weight_out = tl.load(values_image + spot * (2 * K * N) + N + n, mask=n < N, other=0.0)
                gradient = upstream[:, None] * weight_out[None, :] + passed
                out = dvalues_image + spot * (K * blocks * 2 * N)
                store_sums(out, gradient * (step * u)[:, None], listed, NP)
                store_sums(out + N, before[i + 1] * upstream[:, None], listed, NP)
                q = tl.sum(gradient * weight_in[None, :], axis=1)
                passed = tl.exp2(step[:, None] * rate) * gradient
                kept = before[i] * passed
                dstep = tl.sum(kept * rate, axis=1) * 0.6931471805599453 + u * q  # rate is A log2(e)
                da_sum += step[:, None] * kept
                dskip_sum += upstream * u
                dt = dstep * (1.0 - tl.exp(-step))  # the derivative of softplus, from its value
                dbias_sum += dt
                tl.store(
                    dx_image + spot * (K * channels) + d,
                    (step * q + skip_weight * upstream).to(dx.dtype.element_ty), mask=live,
                )  # fmt: skip
                tl.store(draw_image + spot * (K * channels) + d, dt.to(draw.dtype.element_ty), mask=live)
            touched += ahead_x + ahead_dy + ahead_step + ahead_values

    tl.store(sink + program * AHEAD + tl.arange(0, T), touched)
    at = (group.to(tl.int64) * chunks + c) * K + k
    tl.store(
        dA_logs + (at * N + n[None, :]) * channels + d[:, None] * unit,
        da_sum * rate * 0.6931471805599453,
        mask=tile,
    )
    tl.store(dbias + at * channels + d, dbias_sum, mask=inside)
    tl.store(dskip + at * channels + d, dskip_sum, mask=inside)
