"""Sums over the lanes of a warp of several values at once.

A plain reduction adds each value up by five exchanges, 160 instructions and 160 additions for 32 values. Here
lanes halve the values at every exchange: each keeps half of them, gives its other half away and takes the
same from its partner, so that after log2(N) exchanges a lane holds one value's partial sum: 62 instructions
for 16 values in index of 160.

Triton has no operation for it; PTX written inline does. Triton does not promise in which order it hands a
tile's values to inline PTX: `pytest -m gpu tests/ops` holds the gradients that come of it against the
reference. Its interpreter cannot run PTX and takes a plain sum; the PTX is tested on the CPU an instruction
at a time.
"""

import os

import torch
import triton
import triton.language as tl

IN_PTX = tl.constexpr(os.environ.get("TRITON_INTERPRET") != "1" and torch.version.hip is None)


def _instructions(count: int) -> str:
    """Return PTX that turns `count` registers a lane into sums over the warp, at the lanes that keep them."""
    lines = [
        f".reg .f32 v<{count}>, s, k, r;",
        ".reg .b32 lane, bit;",
        ".reg .pred p;",
        "mov.u32 lane, %laneid;",
    ]
    lines += [f"mov.f32 v{i}, ${count + i};" for i in range(count)]
    half, distance = count // 2, 1
    while distance < 32:
        if half:
            lines += [f"and.b32 bit, lane, {distance};", "setp.ne.u32 p, bit, 0;"]
        for i in range(max(half, 1)):
            if half:
                lines += [f"selp.f32 s, v{i}, v{i + half}, p;", f"selp.f32 k, v{i + half}, v{i}, p;"]
            else:
                lines += ["mov.f32 s, v0;", "mov.f32 k, v0;"]
            lines += [f"shfl.sync.bfly.b32 r, s, {distance}, 0x1f, 0xffffffff;", f"add.f32 v{i}, k, r;"]
        half, distance = half // 2, distance * 2
    lines += [f"mov.f32 ${i}, v0;" for i in range(count)]
    return "{ " + " ".join(lines) + " }"


PTX = {count: tl.constexpr(_instructions(count)) for count in (1, 2, 4, 8, 16)}
PTX_1, PTX_2, PTX_4, PTX_8, PTX_16 = PTX.values()


@triton.jit
def warp_sums(tile, NP: tl.constexpr):
    """Sum a tile (32, NP), a channel a lane, over its lanes.

    Returns:
        (32,), at lane l the sum of value `value_of_lane(l)`; above 16 values (NP,), the sums in order.
    """
    if NP > 16:
        return tl.sum(tile, axis=0)
    if not IN_PTX:
        kept = value_of_lane(tl.arange(0, 32), NP)[:, None] == tl.arange(0, NP)[None, :]
        return tl.sum(tl.where(kept, tl.sum(tile, axis=0)[None, :], 0.0), axis=1)
    if NP == 1:
        tile = tl.inline_asm_elementwise(PTX_1, "=f,f", [tile], dtype=tl.float32, is_pure=True, pack=1)
    if NP == 2:
        tile = tl.inline_asm_elementwise(PTX_2, "=f,=f,f,f", [tile], dtype=tl.float32, is_pure=True, pack=2)
    if NP == 4:
        tile = tl.inline_asm_elementwise(
            PTX_4, "=f,=f,=f,=f,f,f,f,f", [tile], dtype=tl.float32, is_pure=True, pack=4
        )
    if NP == 8:
        tile = tl.inline_asm_elementwise(
            PTX_8, "=f,=f,=f,=f,=f,=f,=f,=f,f,f,f,f,f,f,f,f", [tile], dtype=tl.float32, is_pure=True, pack=8
        )
    if NP == 16:
        tile = tl.inline_asm_elementwise(
            PTX_16,
            "=f,=f,=f,=f,=f,=f,=f,=f,=f,=f,=f,=f,=f,=f,=f,=f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f,f",
            [tile], dtype=tl.float32, is_pure=True, pack=16,
        )  # fmt: skip
    return tl.max(tile, axis=1)


@triton.jit
def value_of_lane(lane, NP: tl.constexpr):
    """Return which of NP values `warp_sums` leaves at a lane; from lane NP on they repeat."""
    value = lane * 0
    half: tl.constexpr = NP // 2
    for bit in tl.static_range(5):
        if (half >> bit) > 0:
            value += ((lane >> bit) & 1) * (half >> bit)
    return value


@triton.jit
def store_pair(out, first, second, bound, N: tl.constexpr, NP: tl.constexpr) -> None:
    """Store two results of `warp_sums`, those below `bound`: `first` at out, `second` from out + N on."""
    if NP <= 16:
        lane = tl.arange(0, 32)
        value = value_of_lane(lane, NP)
        sums = tl.where(lane < NP, first, second)
        tl.store(
            out + tl.where(lane < NP, value, N + value), sums, mask=value < tl.where(lane < 2 * NP, bound, 0)
        )
    else:
        n = tl.arange(0, NP)
        tl.store(out + n, first, mask=n < bound)
        tl.store(out + N + n, second, mask=n < bound)
