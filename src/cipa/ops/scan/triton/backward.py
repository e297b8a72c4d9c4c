"""The scan on a GPU, backwards. Layout, chunks and letters are those of `forward.py`.

With g_l the gradient of the state h_l, decay_l = exp(delta_l A), p_l = decay_l g_l what passes on to h_{l-1}:

    g_l      = C_l dy_l + p_{l+1}
    dC_l     = sum_d h_l dy_l                   dB_l = sum_d g_l delta_l u_l
    ddelta_l = sum_n A h_{l-1} p_l + u_l q_l    q_l  = sum_n g_l B_l
    du_l     = delta_l q_l + skip dy_l          dA   = sum_l delta_l h_{l-1} p_l

The states h are needed in reverse order, and keeping all would cost 64 bytes a channel and position. The
forward pass keeps those at the start of each segment. A program takes the segments of its chunk last first:
it replays one, leaving the state of every T-th position in memory that stays in the cache; then it takes T
positions at a time, last first, recomputes their states into registers and walks back over them. So each
state costs two exponentials more than one walk does.

Within T positions all reads come before all writes: the compiler may not move a read up across a write.

Sums over channels leave the lanes' block as partial sums (blocks of 32 channels), added up outside in a fixed
order: no atomic addition, so gradients do not change from run to run.
"""

import triton
import triton.language as tl

from cipa.ops.scan.triton.forward import AHEAD, load_rates, load_run
from cipa.ops.scan.triton.traversal import advance, fetch_ahead, index_at, stride_of, sum_fetched
from cipa.ops.scan.triton.warp_sums import store_pair, warp_sums


@triton.jit
def run_tile(lanes, run, n, NP: tl.constexpr, BD: tl.constexpr):
    """Return where the state before a run is kept, pointers (BD, NP), from those of the lanes."""
    return (lanes + run * (NP * BD))[:, None] + n[None, :] * BD


@triton.jit
def replay_segment(
    state, x, delta, values, replayed, begin, count, rate, block, d, n, inside, valid, direction,
    height, width, channels,
    K: tl.constexpr, N: tl.constexpr, NP: tl.constexpr, BD: tl.constexpr, T: tl.constexpr,
):  # fmt: skip
    """Leave the state before every T-th of `count` positions from `begin` on at `replayed`.

    Returns:
        The state before the last T positions, the index of the first of them, and what to write to the sink.
    """
    length = height * width
    stride = stride_of(direction, width)
    index = index_at(begin, direction, height, width)
    next_us, next_steps = load_run(x, delta, index, stride, length, d, inside, channels, K, T)
    touched = tl.zeros([AHEAD], tl.float32)
    last_run = tl.cdiv(count, T) - 1
    for group in range(0, last_run, AHEAD // T):
        ahead = tl.minimum(begin + group * T + AHEAD + tl.arange(0, AHEAD), length - 1)
        onward = index_at(ahead, direction, height, width)
        ahead_x = fetch_ahead(x + block * BD, onward, channels, valid, BD)
        ahead_step = fetch_ahead(delta + block * BD, onward, K * channels, valid, BD)
        ahead_in = fetch_ahead(values, onward, 2 * K * N, N, N)
        for run in range(group, tl.minimum(group + AHEAD // T, last_run)):
            tl.store(run_tile(replayed, run, n, NP, BD), state)
            us, steps = next_us, next_steps
            indices = ()
            for _ in tl.static_range(T):
                indices = indices + (index,)
                index = advance(index, stride, length)
            next_us, next_steps = load_run(x, delta, index, stride, length, d, inside, channels, K, T)
            for i in tl.static_range(T):
                u, step = us[i].to(tl.float32), steps[i].to(tl.float32)
                # B of values: (L, K, 2 N) of an image, a row (NP,)
                weight_in = tl.load(values + indices[i] * (2 * K * N) + n, mask=n < N, other=0.0)
                state = (
                    tl.exp2(step[:, None] * rate) * state
                    + (step * u)[:, None] * weight_in.to(tl.float32)[None, :]
                )
        touched += sum_fetched(ahead_x) + sum_fetched(ahead_step) + sum_fetched(ahead_in)
    return state, index, touched


@triton.jit
def load_triples(
    x, delta, dy, index, stride, length, left, d, channels, K: tl.constexpr, T: tl.constexpr
):  # fmt: skip
    """Return x, step and upstream gradient, T tiles each, of the T positions from `index` on.

    Past the walk's end, from `left` on, all are zero: the state stays, nothing is carried back.
    """
    us, steps, upstreams = (), (), ()
    for i in tl.static_range(T):
        live = d < tl.where(left > i, channels, 0)
        # x: (L, D) of an image, (BD,)
        us = us + (tl.load(x + index * channels + d, mask=live, other=0.0),)
        # delta: (L, K, D) of an image, (BD,)
        steps = steps + (tl.load(delta + index * (K * channels) + d, mask=live, other=0.0),)
        # dy: (L, D) of an image, (BD,): the sum over directions has one gradient for all
        upstreams = upstreams + (tl.load(dy + index * channels + d, mask=live, other=0.0),)
        index = advance(index, stride, length)
    return us, steps, upstreams


@triton.jit(do_not_specialize=["unit", "images", "each", "height", "width", "chunk", "chunks", "segment"])
def scan_chunks_backward(
    x, delta, values, dy, A_logs, unit, skip, states, carried, replayed,
    dx, d_raw, dvalues, dA_logs, dbias, dskip, sink,
    images, each, height, width, channels, chunk, chunks, segment,
    K: tl.constexpr, N: tl.constexpr, NP: tl.constexpr, BD: tl.constexpr, DIRECTIONS: tl.constexpr,
    T: tl.constexpr, SAVED: tl.constexpr, SECTORS: tl.constexpr,
) -> None:  # fmt: skip
    """Fill the gradients; a program takes the same chunk of `each` images, one after the other.

    dx and d_raw, (B, L, K, D), are those of x and of the step before softplus, for each direction; dvalues
    (B, L, K, D / BD, 2 N) those of B and C for each block of channels; dA_logs (G, S, K, N, D), dbias and
    dskip (G, S, K, D) those of A_logs, the bias and the skip weight for each of G groups of images.
    `states` (B, segments, K, N, D) counts where SAVED, else a walk is one segment and starts from zero;
    `carried` (B, S, K, N, D), what comes from beyond each chunk's last position, where S is more than 1.
    `replayed` (programs, segment / T, NP, BD) is scratch.

    One kernel with all its pointers, not several: the recomputed states live in registers alone, and a
    function boundary that Triton does not inline would spill them.
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
    # skip: (K, D), (BD,)
    skip_weight = tl.load(skip + k * channels + d, mask=inside, other=0.0).to(tl.float32)
    first = c * chunk
    last = tl.minimum(first + chunk, length)
    stride = stride_of(direction, width)
    # Zero, but no compiler knows: it would keep the exponentials of the recomputed states in registers.
    nothing = (unit - 1).to(tl.float32)
    replayed += program.to(tl.int64) * tl.cdiv(segment, T) * (NP * BD)
    replayed += lane * unit

    valid = tl.minimum(channels - block * BD, BD)
    touched = tl.zeros([AHEAD], tl.float32)
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
        d_raw_image = d_raw + row * channels
        dvalues_image = dvalues + (row * blocks + block) * (2 * N)

        at = (b * chunks + c) * K + k
        # carried: (B, S, K, N, D), a tile (BD, NP)
        carry = tl.load(
            carried + (at * N + n[None, :]) * channels + d[:, None] * unit,
            mask=tile & (chunks > 1),
            other=0.0,
        )

        for done in range(tl.cdiv(last - first, segment)):
            begin = first + ((last - first - 1) // segment - done) * segment
            count = tl.minimum(segment, last - begin)
            state = tl.zeros([BD, NP], tl.float32)
            if SAVED:
                at = (b * tl.cdiv(length, segment) + begin // segment) * K + k
                # states: (B, segments, K, N, D), a tile (BD, NP)
                state = tl.load(
                    states + (at * N + n[None, :]) * channels + d[:, None] * unit, mask=tile, other=0.0
                )
            state, index, seen = replay_segment(
                state, x_image, delta_image, values_image, replayed, begin, count, rate, block, d,
                n, inside, valid, direction, height, width, channels, K, N, NP, BD, T,
            )  # fmt: skip
            touched += seen

            runs = tl.cdiv(count, T)
            next_us, next_steps, next_upstreams = load_triples(
                x_image, delta_image, dy_image, index, stride, length, count - (runs - 1) * T, d, channels,
                K, T,
            )  # fmt: skip
            for back in range(runs):
                run = runs - 1 - back
                left = count - run * T
                us, steps, upstreams = next_us, next_steps, next_upstreams
                indices = ()
                ahead_index = index
                for _ in tl.static_range(T):
                    indices = indices + (ahead_index,)
                    ahead_index = advance(ahead_index, stride, length)
                for _ in tl.static_range(T):
                    index = advance(index, -stride, length)
                next_state = state
                ahead = touched
                # Always true, but no compiler knows: these long reads stay together. Spread over the run each
                # shared one of the warp's six scoreboards with a short read, whose user waited for both.
                if unit > 0:
                    # replayed: (programs, segment / T, NP, BD), this program's own scratch, a tile (BD, NP)
                    next_state = tl.load(run_tile(replayed, tl.maximum(run - 1, 0), n, NP, BD))
                    ahead_at = index + tl.zeros([AHEAD], tl.int32)
                    ahead_index = index
                    for i in tl.static_range(1, T):
                        ahead_index = advance(ahead_index, stride, length)
                        ahead_at = tl.where(tl.arange(0, AHEAD) >= i * SECTORS, ahead_index, ahead_at)
                    # values: (L, K, 2 N) of an image; a read a sector of 32 bytes brings the next run's
                    # B and C into the cache
                    ahead = tl.load(values_image + ahead_at * (2 * K * N) + tl.arange(0, AHEAD) % SECTORS * 8)
                    next_us, next_steps, next_upstreams = load_triples(
                        x_image, delta_image, dy_image, index, stride, length, T, d, channels, K, T
                    )

                before, outs, ins, dxs, dts = (), (), (), (), ()
                for i in tl.static_range(T):
                    before = before + (state,)
                    values_at = values_image + indices[i] * (2 * K * N) + n
                    # B of values: (L, K, 2 N), a row (NP,) that all channels share
                    weight_in = tl.load(values_at, mask=n < N, other=0.0).to(tl.float32)
                    u, step, upstream = (
                        us[i].to(tl.float32),
                        steps[i].to(tl.float32),
                        upstreams[i].to(tl.float32),
                    )
                    state = tl.exp2(step[:, None] * rate) * state + (step * u)[:, None] * weight_in[None, :]
                    # dC: over channels, which lie over the warp's lanes
                    outs = outs + (warp_sums(state * upstream[:, None], NP),)
                for i in tl.static_range(T - 1, -1, -1):
                    values_at = values_image + indices[i] * (2 * K * N) + n
                    # B and C of values: (L, K, 2 N), rows (NP,)
                    weight_in = tl.load(values_at, mask=n < N, other=0.0).to(tl.float32)
                    weight_out = tl.load(values_at + N, mask=n < N, other=0.0).to(tl.float32)
                    u, step, upstream = (
                        us[i].to(tl.float32),
                        steps[i].to(tl.float32),
                        upstreams[i].to(tl.float32),
                    )
                    gradient = upstream[:, None] * weight_out[None, :] + carry
                    # dB, likewise
                    ins = ins + (warp_sums(gradient * (step * u)[:, None], NP),)
                    # sum over states of dh B: what x and the step share
                    q = tl.sum(gradient * weight_in[None, :], axis=1)
                    carry = tl.exp2((step + nothing)[:, None] * rate) * gradient
                    # for A's gradient and the step's: h of the position before times what reaches it
                    kept = before[i] * carry
                    # The rate is A log2(e); 1 - exp(-step) is the derivative of softplus, from its value.
                    dt = tl.sum(kept * rate, axis=1) * 0.6931471805599453 + u * q
                    dt *= 1.0 - tl.exp(-step)
                    # A, skip weight and bias serve every position: their sums stay in registers
                    da_sum += step[:, None] * kept
                    dskip_sum += upstream * u
                    dbias_sum += dt
                    dxs = dxs + (step * q + skip_weight * upstream,)
                    dts = dts + (dt,)
                for i in tl.static_range(T):
                    live = d < tl.where(left > i, channels, 0)
                    at_pixel = indices[i] * (K * channels) + d
                    # dx, d_raw: (L, K, D) of an image, (BD,) a position; after the run, not among its reads
                    tl.store(dx_image + at_pixel, dxs[T - 1 - i].to(dx.dtype.element_ty), mask=live)
                    tl.store(d_raw_image + at_pixel, dts[T - 1 - i].to(d_raw.dtype.element_ty), mask=live)
                    # dvalues: (L, K, blocks, 2 N), one row a block of channels
                    store_pair(
                        dvalues_image + indices[i] * (K * blocks * 2 * N), ins[T - 1 - i], outs[i],
                        tl.where(left > i, N, 0), N, NP,
                    )  # fmt: skip
                state = next_state
                touched += ahead

    # sink: (programs, AHEAD); nobody reads it, but without it the compiler drops the reads ahead
    tl.store(sink + program * AHEAD + tl.arange(0, AHEAD), touched)
    at = (group.to(tl.int64) * chunks + c) * K + k
    # dA_logs: (groups, S, K, N, D), a tile (BD, NP); the rate is A log2(e)
    tl.store(
        dA_logs + (at * N + n[None, :]) * channels + d[:, None] * unit,
        da_sum * rate * 0.6931471805599453,
        mask=tile,
    )
    # dbias, dskip: (groups, S, K, D), (BD,)
    tl.store(dbias + at * channels + d, dbias_sum, mask=inside)
    tl.store(dskip + at * channels + d, dskip_sum, mask=inside)
