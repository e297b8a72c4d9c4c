"""The scan, backward: chunks in reverse, states recomputed from the saved start of each chunk.

With g_l the gradient of the state h_l, delta the step, w = delta u what drives the state, decay = exp(delta
A):

    g_l      = C_l dy_l + decay_{l+1} g_{l+1}
    dC_l     = sum over channels of dy_l h_l              dB_l  = sum over channels of g_l w_l
    dw_l     = sum over states of g_l B_l                 dA    = sum over l of g_l decay_l h_{l-1} delta_l
    ddelta_l = sum over states of g_l decay_l h_{l-1} A + u_l dw_l
    du_l     = D dy_l + delta_l dw_l                      dD    = sum over l of dy_l u_l

and ddelta goes on through softplus and the dt projection to dt_low, dt_weight and dt_bias. The sums over
channels stay sixteen lanes wide until every block of the chunk has added to them: a horizontal sum is then
needed once a position instead of once a block.
"""

import numpy as np
from numba import njit

from cipa.ops.scan.cpu.compiled import compiled
from cipa.ops.scan.cpu.forward import CHUNK, gather_rows, project_dt
from cipa.ops.scan.cpu.functions import exp2, sigmoid, softplus
from cipa.ops.scan.cpu.simd import LANES, fma, load, splat, store, totals

_LN2 = np.float32(0.6931471805599453)
_ZERO = np.float32(0)


@compiled
def scan_backward(
    first, last, groups, x, projection, dt, dt_weight, dt_bias, a, skip, orders, states, dy,
    dx, dprojection, ddt, ddt_weight, ddt_bias, da, dskip,
) -> None:  # fmt: skip
    """Gradients of tasks first..last-1, numbered as in `scan_forward`, whose arguments the first ones are.

    Args:
        first: first task.
        last: one past the last task.
        groups: shares the channel blocks of an image are cut into.
        x: (B, L, D).
        projection: (B, L, K, R + 2 N).
        dt: (B, L, D) when R is 0, else empty.
        dt_weight: (K, R, D).
        dt_bias: (K, D).
        a: A / log(2), (K, M, D).
        skip: (K, D).
        orders: (K, L).
        states: (B, K, chunks, M, D), the state at the start of each chunk.
        dy: gradient of the output, (B, L, D).
        dx: (B, L, D), written.
        dprojection: (groups, B, L, K, R + 2 N), written; the caller sums over groups.
        ddt: (B, L, D) when R is 0, written, else empty.
        ddt_weight: (K, R, D), added to.
        ddt_bias: (K, D), added to.
        da: gradient of A itself, (K, M, D), added to.
        dskip: (K, D), added to.
    """
    length, channels = x.shape[1:]
    directions, padded = a.shape[:2]
    rank = dt_weight.shape[1]
    given = (projection.shape[3] - rank) // 2
    projection_flat, dprojection_flat = projection.reshape(-1), dprojection.reshape(-1)
    columns = rank + 2 * padded
    blocks = channels // LANES
    chunks = (length + CHUNK - 1) // CHUNK
    x_flat, dx_flat, dy_flat, states_flat = x.reshape(-1), dx.reshape(-1), dy.reshape(-1), states.reshape(-1)
    dt_flat, ddt_flat, a_flat, weight_flat = (
        dt.reshape(-1),
        ddt.reshape(-1),
        a.reshape(-1),
        dt_weight.reshape(-1),
    )
    bias_flat, skip_flat = dt_bias.reshape(-1), skip.reshape(-1)
    dweight_flat, dbias_flat = ddt_weight.reshape(-1), ddt_bias.reshape(-1)
    da_flat, dskip_flat = da.reshape(-1), dskip.reshape(-1)

    adjoint = np.empty(padded * channels, np.float32)  # decay_{l+1} g_{l+1}, carried to the chunk before
    rows = np.empty((CHUNK, columns), np.float32)
    drows = np.empty(columns * CHUNK * LANES, np.float32)  # by column, then position: a loop over t streams
    sums = np.empty((columns, CHUNK), np.float32)
    vectors = np.empty((7, CHUNK * LANES), np.float32)
    delta, slope, driven, value = vectors[0], vectors[1], vectors[2], vectors[3]
    upstream, ddelta, ddriven = vectors[4], vectors[5], vectors[6]
    decays = np.empty(2 * CHUNK * LANES, np.float32)
    history = np.empty(2 * (CHUNK + 1) * LANES, np.float32)
    for task in range(first, last):
        image = task // groups
        share = task % groups
        for k in range(directions):
            adjoint[:] = 0
            for chunk in range(chunks - 1, -1, -1):
                start = chunk * CHUNK
                count = min(CHUNK, length - start)
                order = orders[k, start : start + count]
                gather_rows(projection_flat, (image * length, k, directions), order, rank, given, rows)
                first_block = share * blocks // groups
                for block in range(first_block, (share + 1) * blocks // groups):
                    adding = block > first_block
                    lane = block * LANES
                    parameter = k * channels + lane
                    for t in range(count):
                        pixel = (image * length + order[t]) * channels + lane
                        if rank:
                            step = project_dt(rows[t], weight_flat, bias_flat, rank, k, channels, lane)
                        else:
                            step = load(dt_flat, pixel) + load(bias_flat, parameter)
                        u = load(x_flat, pixel)
                        store(slope, t * LANES, sigmoid(step))
                        step = softplus(step)
                        store(delta, t * LANES, step)
                        store(value, t * LANES, u)
                        store(driven, t * LANES, step * u)
                        store(upstream, t * LANES, load(dy_flat, pixel))
                        store(ddelta, t * LANES, splat(_ZERO))
                        store(ddriven, t * LANES, splat(_ZERO))
                    for n in range(0, padded, 2):
                        place = n * channels + lane
                        saved = ((image * directions + k) * chunks + chunk) * padded * channels + place
                        _recompute(
                            count, rows, rank + n, delta, driven,
                            a_flat, k * padded * channels + place, states_flat, saved, channels, decays,
                            history,
                        )  # fmt: skip
                        _retreat(
                            count, adding, rows, drows, rank + n, padded,
                            delta, driven, upstream, ddelta, ddriven,
                            a_flat, da_flat, k * padded * channels + place, adjoint, place, channels,
                            decays, history,
                        )  # fmt: skip
                    dbias = load(dbias_flat, parameter)
                    dskip_lanes = load(dskip_flat, parameter)
                    skip_lanes = load(skip_flat, parameter)
                    for t in range(count):
                        pixel = (image * length + order[t]) * channels + lane
                        u, dw, out = (
                            load(value, t * LANES),
                            load(ddriven, t * LANES),
                            load(upstream, t * LANES),
                        )
                        dstep = (load(ddelta, t * LANES) + u * dw) * load(slope, t * LANES)
                        du = fma(out, skip_lanes, load(delta, t * LANES) * dw)
                        if k:
                            du = du + load(dx_flat, pixel)
                        store(dx_flat, pixel, du)
                        store(ddelta, t * LANES, dstep)
                        dbias = dbias + dstep
                        dskip_lanes = fma(out, u, dskip_lanes)
                        if rank == 0:
                            store(ddt_flat, pixel, dstep)
                    store(dbias_flat, parameter, dbias)
                    store(dskip_flat, parameter, dskip_lanes)
                    for r in range(rank):
                        _lower(count, adding, rows, drows, r, ddelta, weight_flat, dweight_flat,
                               (k * rank + r) * channels + lane)  # fmt: skip
                pixel = (share * x.shape[0] + image) * length
                _scatter_rows(drows, sums, dprojection_flat, (pixel, k, directions), order, rank, given)


@njit(nogil=True, inline="always")
def _recompute(
    count,
    rows,
    column,
    delta,
    driven,
    a,
    a_place,
    states,
    saved,
    channels,
    decays,
    history,
) -> None:
    """Run two states through the chunk again, keeping each decay and each state, the one before it first."""
    a0, a1 = load(a, a_place), load(a, a_place + channels)
    h0, h1 = load(states, saved), load(states, saved + channels)
    store(history, 0, h0)
    store(history, LANES, h1)
    for t in range(count):
        step, drive = load(delta, t * LANES), load(driven, t * LANES)
        decay0, decay1 = exp2(step * a0), exp2(step * a1)
        h0 = fma(decay0, h0, drive * rows[t, column])
        h1 = fma(decay1, h1, drive * rows[t, column + 1])
        store(decays, 2 * t * LANES, decay0)
        store(decays, (2 * t + 1) * LANES, decay1)
        store(history, (2 * t + 2) * LANES, h0)
        store(history, (2 * t + 3) * LANES, h1)


@njit(nogil=True, inline="always")
def _retreat(
    count, adding, rows, drows, column, padded, delta, driven, upstream, ddelta, ddriven,
    a, da, a_place, adjoint, place, channels, decays, history,
) -> None:  # fmt: skip
    """Carry the gradient of two states from the chunk's last position to its first."""
    to_b, to_c = column * CHUNK * LANES, (column + padded) * CHUNK * LANES
    a0, a1 = load(a, a_place) * _LN2, load(a, a_place + channels) * _LN2
    da0, da1 = load(da, a_place), load(da, a_place + channels)
    carry0, carry1 = load(adjoint, place), load(adjoint, place + channels)
    h0, h1 = load(history, 2 * count * LANES), load(history, (2 * count + 1) * LANES)
    for t in range(count - 1, -1, -1):
        at = t * LANES
        step, drive, out = load(delta, at), load(driven, at), load(upstream, at)
        g0 = fma(out, splat(rows[t, column + padded]), carry0)
        g1 = fma(out, splat(rows[t, column + padded + 1]), carry1)
        _accumulate(drows, to_c + at, out * h0, adding)
        _accumulate(drows, to_c + CHUNK * LANES + at, out * h1, adding)
        _accumulate(drows, to_b + at, g0 * drive, adding)
        _accumulate(drows, to_b + CHUNK * LANES + at, g1 * drive, adding)
        carry0 = g0 * load(decays, 2 * at)
        carry1 = g1 * load(decays, 2 * at + LANES)
        h0, h1 = load(history, 2 * at), load(history, 2 * at + LANES)
        through0, through1 = carry0 * h0, carry1 * h1
        da0 = fma(through0, step, da0)
        da1 = fma(through1, step, da1)
        store(ddelta, at, fma(through1, a1, fma(through0, a0, load(ddelta, at))))
        dw = fma(g0, splat(rows[t, column]), load(ddriven, at))
        store(ddriven, at, fma(g1, splat(rows[t, column + 1]), dw))
    store(da, a_place, da0)
    store(da, a_place + channels, da1)
    store(adjoint, place, carry0)
    store(adjoint, place + channels, carry1)


@njit(nogil=True, inline="always")
def _lower(count, adding, rows, drows, r, dstep, weight, dweight, place) -> None:
    """Gradient of one row of the dt projection: dt_weight of this rank, and dt_low of each position."""
    lanes, gradient = load(weight, place), load(dweight, place)
    for t in range(count):
        step = load(dstep, t * LANES)
        gradient = fma(step, splat(rows[t, r]), gradient)
        _accumulate(drows, (r * CHUNK + t) * LANES, step * lanes, adding)
    store(dweight, place, gradient)


@njit(nogil=True, inline="always")
def _accumulate(drows, place, value, adding) -> None:
    """Add to what the blocks before have left there; the first finds old scratch memory and overwrites it."""
    store(drows, place, value + load(drows, place) if adding else value)


@njit(nogil=True, inline="always")
def _scatter_rows(drows, sums, dprojection, place, order, rank, given) -> None:
    """Sum the lanes of each projection's gradient and put it back at its pixel, padding dropped."""
    first, k, directions = place
    padded = (sums.shape[0] - rank) // 2
    sums_flat = sums.reshape(-1)
    for column in range(sums.shape[0]):
        for t in range(0, order.size, LANES):  # the last sixteen may reach past the chunk: sums nobody reads
            start = column * CHUNK + t
            store(sums_flat, start, totals(drows, start * LANES))
    for t in range(order.size):
        target = ((first + order[t]) * directions + k) * (rank + 2 * given)
        for r in range(rank):
            dprojection[target + r] = sums[r, t]
        for n in range(given):
            dprojection[target + rank + n] = sums[rank + n, t]
            dprojection[target + rank + given + n] = sums[rank + padded + n, t]
