"""Candidates for the rule of `cipa.ops.scan.cuda.plan`: each shape by each layout and cut."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import torch

from benchmarks.scan_cuda_time import SHAPES, Case, graph_ms, limit_ms, make
from cipa.ops.scan.cuda.backward import run_backward
from cipa.ops.scan.cuda.build import cubin_of
from cipa.ops.scan.cuda.forward import ENDS, PASSES, SCAN, Walks, constants_of, run_chunk_ends, run_scan
from cipa.ops.scan.cuda.plan import BackwardLayout, Cut, Layout, images_a_block, make_layout
from cipa.ops.scan.triton.launch import join_borders, new_states
from cipa.ops.scan.triton.plan import multiprocessors

FORWARD = {  # lanes, warps, positions, unroll, resident, stages
    16: {
        "1x3 T16": (1, 3, 16, 4, 4, 5),
        "1x4 T16": (1, 4, 16, 4, 3, 5),
        "1x3 T32": (1, 3, 32, 4, 4, 3),
        "2x4 T32 s4": (2, 4, 32, 4, 4, 4),
        "2x4 T32 s5 r3": (2, 4, 32, 4, 3, 5),
        "2x4 T32 u2": (2, 4, 32, 2, 4, 4),
        "2x4 T16": (2, 4, 16, 4, 4, 5),
        "2x3 T32": (2, 3, 32, 4, 5, 4),
        "4x3 T32": (4, 3, 32, 2, 5, 5),
        "4x4 T32": (4, 4, 32, 2, 4, 5),
        "4x6 T32": (4, 6, 32, 2, 3, 5),
        "8x4 T32": (8, 4, 32, 1, 5, 5),
    },
    4: {
        "1x3 T32": (1, 3, 32, 4, 4, 5),
        "1x3 T16": (1, 3, 16, 4, 5, 5),
        "1x4 T32": (1, 4, 32, 4, 3, 5),
        "1x2 T32": (1, 2, 32, 4, 6, 5),
        "2x4 T32": (2, 4, 32, 4, 4, 5),
        "2x3 T32": (2, 3, 32, 4, 5, 5),
        "4x4 T32": (4, 4, 32, 2, 5, 5),
    },
}
CUT_FORWARD = {16: ("1x3 T16", "2x4 T32 s4", "4x3 T32"), 4: ("1x3 T32", "2x4 T32")}
CUT_SHAPES = ("S0B4", "S0B2", "S0B8", "S1B2", "N4 16x128", "N4 4x128", "N4 1x128", "N4 1x64", "N4 4x64")
CHUNKS = (128, 256, 512, 1024, 2048)
BACKWARD = {  # lanes, warps, positions, tile, stages, resident
    16: {
        "4 warps": (4, 4, 16, 4, 4, 3),
        "12 warps": (4, 12, 16, 4, 4, 1),
        "2 warps": (4, 2, 16, 4, 4, 6),
        "4 warps s3": (4, 4, 16, 4, 3, 3),
        "4 warps r2": (4, 4, 16, 4, 4, 2),
        "tile 2": (4, 4, 16, 2, 4, 4),
    },
    4: {
        "1 warp s3": (1, 1, 16, 4, 3, 10),
        "1 warp T8 s4": (1, 1, 8, 4, 4, 12),
        "3 warps": (1, 3, 16, 4, 3, 3),
        "tile 2": (1, 1, 16, 2, 3, 12),
    },
}
SEGMENTS_A_CHUNK = (1, 2, 4, 8, 16)
BACKWARD_SHAPES = ("S0B32", "S1B32", "S2B32", "S0B8", "S1B8", "S2B8", "N4 16x128", "N4 16x64", "N4 4x128")


def works() -> Iterator[tuple[str, Callable[..., None]]]:
    """Forward whole, forward in chunks, backward."""
    for name in SHAPES:
        if "1024" not in name and "base" not in name:
            yield f"{name} whole", partial(whole, name)
    for name in CUT_SHAPES:
        yield f"{name} chunks", partial(chunked, name)
    for name in BACKWARD_SHAPES:
        yield f"{name} backward", partial(backward, name)


def walks_of(case: Case) -> Walks:
    inputs, x = case.inputs, case.x
    return Walks(
        inputs.x,
        inputs.delta,
        inputs.values,
        inputs.A_logs,
        inputs.skip,
        x.shape[1],
        x.shape[2],
        (0, 1, 2, 3),
    )


def compile_all(walks: Walks, layouts: list[Layout], mode: int, *, starts: bool = False) -> None:
    """Compile side by side what will be loaded one by one."""
    constants = [constants_of(walks, layout, mode, save=False, starts=starts) for layout in layouts]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda values: cubin_of("forward", values, architecture()), constants))


def architecture() -> str:
    major, minor = torch.cuda.get_device_capability()
    return f"sm_{major}{minor}"


def layouts_of(states: int, names: tuple[str, ...] | None = None) -> dict[str, Layout]:
    found = {}
    for name, (lanes, warps, positions, unroll, resident, stages) in FORWARD[states].items():
        if names is None or name in names:
            found[name] = make_layout(lanes, warps, positions, unroll, resident, states, 2, 2, stages)
    return found


def whole(name: str, note: Callable[..., None]) -> None:
    """Each layout, one chunk, by the rule's number of images a block."""
    shape = SHAPES[name]
    batch, side, channels, states, _ = shape
    case = make(shape, torch.bfloat16)
    walks, length, units = walks_of(case), side * side, multiprocessors(case.x.device)
    layouts = {key: layout for key, layout in layouts_of(states).items() if length >= layout.positions}
    compile_all(walks, list(layouts.values()), SCAN)
    found = {}
    for key, layout in layouts.items():
        row = 4 * -(-channels // layout.channels)
        images = images_a_block(batch, length, row, layout.resident * units)
        try:
            found[key] = graph_ms(partial(run_scan, walks, layout, Cut(length, 1, images), None, None), 15)
        except Exception as error:
            found[key] = str(error)[:60]
    tell(f"{name} whole", found, note, limit_ms(shape))


def chunked(name: str, note: Callable[..., None]) -> None:
    """Layouts and chunk lengths of both passes over the chunks."""
    shape = SHAPES[name]
    side, states = shape[1], shape[3]
    case = make(shape, torch.bfloat16)
    walks, length = walks_of(case), side * side
    layouts = layouts_of(states, CUT_FORWARD[states])
    compile_all(walks, list(layouts.values()), ENDS)
    compile_all(walks, list(layouts.values()), SCAN, starts=True)
    ends, scans = {}, {}
    for chunk in CHUNKS:
        if chunk * 2 > length:
            continue
        cut = Cut(chunk, -(-length // chunk), 1)
        starts, sums = run_chunk_ends(walks, next(iter(layouts.values())), cut, ENDS)
        join = graph_ms(partial(join_borders, starts, sums, walks.A_logs, forwards=True), 10)
        for key, layout in layouts.items():
            ends[f"{key}, {chunk}"] = graph_ms(partial(run_chunk_ends, walks, layout, cut, ENDS), 10)
            scans[f"{key}, {chunk}"] = graph_ms(partial(run_scan, walks, layout, cut, starts, None), 10)
        ends[f"join, {chunk}"] = join
    tell(f"{name} chunks, first pass", ends, note, limit_ms(shape))
    tell(f"{name} chunks, second pass", scans, note, limit_ms(shape))


def backward(name: str, note: Callable[..., None]) -> None:
    """Layouts of the backward kernel, whole and cut."""
    shape = SHAPES[name]
    batch, side, channels, states, _ = shape
    case = make(shape, torch.bfloat16)
    walks, length, units = walks_of(case), side * side, multiprocessors(case.x.device)
    upstream = torch.randn_like(walks.x)
    kept = new_states(case.inputs, True)
    layout = make_layout(2, 4, 32, 4, 4, states, 2, 2)
    run_scan(walks, layout, Cut(length, 1, 1), None, kept if kept.numel() else None)
    found = {}
    first = make_layout(*((1, 3, 32, 4, 4) if states == 4 else (2, 4, 32, 4, 4)), states, 2, 2)
    for key, values in BACKWARD[states].items():
        if key == "12 warps" and channels % 192:
            continue
        back = BackwardLayout(*values)
        slots = back.held(states, 2, 2) * units
        images = images_a_block(batch, length, 4 * -(-channels // back.channels), slots)
        cuts = [Cut(length, 1, images)]
        if key in ("4 warps", "2 warps", "1 warp s3", "1 warp T8 s4") and "B32" not in name:
            cuts += [Cut(256 * n, -(-length // (256 * n)), 1) for n in SEGMENTS_A_CHUNK if 512 * n <= length]
        for cut in cuts:
            passes, label = None, f"{key}, {cut.chunks} chunks, {cut.images} images"
            try:
                if cut.chunks > 1:
                    passes, sums = run_chunk_ends(walks._replace(x=upstream), first, cut, PASSES)
                    found.setdefault(
                        f"first pass {cut.chunks}",
                        graph_ms(partial(run_chunk_ends, walks._replace(x=upstream), first, cut, PASSES), 10),
                    )
                    join_borders(passes, sums, walks.A_logs, forwards=False)
                found[label] = graph_ms(partial(run_backward, walks, upstream, back, cut, kept, passes), 15)
            except Exception as error:
                found[label] = str(error)[:60]
            torch.cuda.empty_cache()
    tell(f"{name} backward", found, note, limit_ms(shape))


def tell(name: str, found: dict[str, float | str], note: Callable[..., None], limit: float) -> None:
    """Note the best first."""
    ranked = sorted(found.items(), key=lambda item: item[1] if isinstance(item[1], float) else 1e9)
    listed = "; ".join(
        f"{key}: {value:.3f}" if isinstance(value, float) else f"{key}: {value}" for key, value in ranked
    )
    note(name, limit=limit, ms=listed)
