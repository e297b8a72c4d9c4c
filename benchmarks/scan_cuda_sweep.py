"""Candidates for the rule of `cipa.ops.scan.cuda.plan`: each shape by each layout and cut, the best kept."""

import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import torch

from benchmarks.scan_cuda_choices import VARIABLE, Choice, chosen, key_of
from benchmarks.scan_cuda_time import SHAPES, graph_ms, limit_ms, make
from cipa.ops.scan.cuda import backward as backward_module
from cipa.ops.scan.cuda import forward as forward_module
from cipa.ops.scan.cuda import launch, plan
from cipa.ops.scan.cuda.plan import BackwardLayout, Cut, Layout, images_of_round, make_layout
from cipa.ops.scan.triton import launch as triton_launch

FORWARD = {  # lanes, warps, positions, unroll, resident, stages
    16: {
        "2x4 T32 r3": (2, 4, 32, 4, 3, 5),
        "2x4 T32 r4": (2, 4, 32, 4, 4, 5),
        "2x4 T32 u8 r3": (2, 4, 32, 8, 3, 5),
        "2x3 T32 r4": (2, 3, 32, 4, 4, 5),
        "2x4 T16 r4": (2, 4, 16, 4, 4, 5),
        "4x3 T32 r5": (4, 3, 32, 2, 5, 5),
        "4x4 T32 r4": (4, 4, 32, 2, 4, 5),
        "4x6 T32 r3": (4, 6, 32, 2, 3, 5),
        "8x4 T32 r5": (8, 4, 32, 1, 5, 5),
        "1x3 T16 r4": (1, 3, 16, 4, 4, 5),
        "1x3 T16 u16 r4": (1, 3, 16, 16, 4, 5),
        "1x4 T16 r3": (1, 4, 16, 4, 3, 5),
        "1x3 T32 r3": (1, 3, 32, 4, 3, 5),
    },
    4: {
        "1x3 T32 r3": (1, 3, 32, 4, 3, 5),
        "1x3 T32 u8 r1": (1, 3, 32, 8, 1, 8),
        "1x3 T16 r4": (1, 3, 16, 4, 4, 5),
        "1x2 T32 r5": (1, 2, 32, 4, 5, 5),
        "1x4 T32 r3": (1, 4, 32, 4, 3, 5),
        "2x4 T32 r4": (2, 4, 32, 4, 4, 5),
        "2x3 T32 r5": (2, 3, 32, 4, 5, 5),
        "4x4 T32 r5": (4, 4, 32, 2, 5, 5),
    },
}
CUT_FORWARD = {
    16: ("2x4 T32 r3", "2x4 T32 r4", "4x3 T32 r5", "1x3 T16 r4"),
    4: ("1x3 T32 r3", "1x2 T32 r5", "2x4 T32 r4"),
}
CHUNKS = {16: (256, 512, 1024, 2048), 4: (128, 256, 512, 1024, 2048, 4096)}
FEW = 20_000
"""Walks below which they are tried in chunks."""

BACKWARD = {  # lanes, warps, positions, tile, stages, resident
    16: {
        "4 warps": (4, 4, 16, 4, 4, 3),
        "12 warps": (4, 12, 16, 4, 4, 1),
        "3 warps": (4, 3, 16, 4, 4, 4),
        "4 warps s3": (4, 4, 16, 4, 3, 3),
    },
    4: {
        "1 warp r10": (1, 1, 16, 4, 3, 10),
        "1 warp r6": (1, 1, 16, 4, 4, 6),
        "1 warp T8 r12": (1, 1, 8, 4, 4, 12),
        "3 warps": (1, 3, 16, 4, 3, 3),
        "tile 2 r12": (1, 1, 16, 2, 3, 12),
    },
}
SEGMENTS_A_CHUNK = (1, 2, 4, 8, 16)
KEPT_EVERY = (128, 64)
FORWARD_ONLY = ("S3B2", "S0B2", "S1B2", "S2B2", "windows 1024", "N4 1x128", "N4 1x64", "N4 1x32")
FLOAT32 = ("S0B32", "S1B32", "S2B32", "windows 16384", "N4 16x128", "N4 16x64")
KEPT_FOR = ("N4 16x128", "N4 16x64", "N4 4x128")


def works() -> Iterator[tuple[str, Callable[..., None]]]:
    """Forward in bfloat16, backward, forward in float32, states kept more often."""
    names = [name for name in SHAPES if not name.startswith("base")]
    for name in names:
        yield f"{name} forward", partial(forward, name, torch.bfloat16)
    for name in names:
        if name not in FORWARD_ONLY:
            yield f"{name} backward", partial(backward, name)
    for name in KEPT_FOR:
        yield f"{name} kept states", partial(kept_states, name)
    for name in FLOAT32:
        yield f"{name} float32", partial(forward, name, torch.float32)


def forward_candidates(name: str, dtype: torch.dtype, units: int = 132) -> dict[str, Choice]:
    """Return what is tried for a shape, the rule's choice among it."""
    batch, side, channels, states, _ = SHAPES[name]
    length, size = side * side, 4 if dtype == torch.float32 else 2
    shape = (batch, length, channels, 4, states, size, size, units)
    found: dict[str, Choice] = {"rule": plan.forward_plan(*shape)}
    layouts: dict[str, Layout] = {}
    for key, (lanes, warps, positions, unroll, resident, stages) in FORWARD[states].items():
        if positions <= length:
            positions = 16 if size == 4 else positions
            layouts[key] = make_layout(lanes, warps, positions, unroll, resident, states, size, size, stages)
    for key, layout in layouts.items():
        row = 4 * -(-channels // layout.channels)
        counts = {plan.images_a_block(batch, length, row, layout.resident * units)}
        if key == "2x4 T32 r3":
            counts.add(images_of_round(batch, length, row, layout.resident * units))
        if length <= 16 and key.startswith("1x3"):
            counts |= {4, 32, images_of_round(batch, length, row, layout.resident * units)}
        for images in counts:
            found[f"{key} i{images}"] = layout, Cut(length, 1, images)
    if batch * 4 * channels < FEW and size == 2:
        for key in CUT_FORWARD[states]:
            for chunk in CHUNKS[states]:
                if 2 * chunk <= length:
                    found[f"{key} c{chunk}"] = layouts[key], Cut(chunk, -(-length // chunk), 1)
    return found


def backward_candidates(name: str, units: int = 132) -> dict[str, Choice]:
    """The same for the backward scan, in bfloat16."""
    batch, side, channels, states, _ = SHAPES[name]
    length = side * side
    found: dict[str, Choice] = {"rule": plan.backward_plan(batch, length, channels, 4, states, 2, 2, units)}
    for key, values in BACKWARD[states].items():
        layout = BackwardLayout(*values)
        if channels % layout.channels:
            continue
        row, slots = 4 * -(-channels // layout.channels), layout.held(states, 2, 2) * units
        for images in {1, images_of_round(batch, length, row, slots)}:
            if images > 1 or batch * row < 100 * slots:
                found[f"{key} i{images}"] = layout, Cut(length, 1, images)
        if key in ("4 warps", "3 warps", "1 warp r10", "1 warp r6", "1 warp T8 r12"):
            for count in SEGMENTS_A_CHUNK:
                blocks = batch * row * -(-length // (256 * count))
                if 512 * count <= length and blocks < 12 * slots:
                    found[f"{key} c{count}"] = layout, Cut(256 * count, -(-length // (256 * count)), 1)
    return found


def forward(name: str, dtype: torch.dtype, note: Callable[..., None]) -> None:
    """Time every candidate of the forward scan as the network runs it, and keep the best."""
    case = make(SHAPES[name], dtype)
    work = partial(launch.scan_walks, case.inputs, case.x, case.parameters.directions, False)
    found, candidates = {}, forward_candidates(name, dtype)
    with torch.no_grad():
        for key, choice in candidates.items():
            with chosen("forward", choice):
                found[key] = timed(work)
    batch, side, channels, states, _ = SHAPES[name]
    size = case.x.element_size()
    tell(f"{name} {str(dtype)[6:]} forward", found, note, limit_ms(SHAPES[name]))
    keep(key_of("forward", (batch, side * side, channels, 4, states, size, size)), found, candidates)


def backward(name: str, note: Callable[..., None]) -> None:
    """Time every candidate of the backward scan, and keep the best."""
    found, candidates = time_backward(name, backward_candidates(name))
    batch, side, channels, states, _ = SHAPES[name]
    tell(f"{name} backward", found, note, limit_ms(SHAPES[name]))
    keep(key_of("backward", (batch, side * side, channels, 4, states, 2, 2)), found, candidates)


def kept_states(name: str, note: Callable[..., None]) -> None:
    """Time the backward scan with states kept more often; a shorter replay stays nearer."""
    keys = ("rule", "1 warp r10", "1 warp T8 r12")
    candidates = {key: c for key, c in backward_candidates(name).items() if key.startswith(keys)}
    for every in KEPT_EVERY:
        with states_kept(every):
            found, _ = time_backward(name, candidates)
            tell(f"{name} backward, states each {every}", found, note, limit_ms(SHAPES[name]))


def time_backward(name: str, candidates: dict[str, Choice]) -> tuple[dict[str, float | str], dict]:
    case = make(SHAPES[name], torch.bfloat16)
    directions = case.parameters.directions
    with torch.no_grad():
        _, states = launch.scan_walks(case.inputs, case.x, directions, True)
        upstream = torch.randn_like(case.inputs.x)
        work = partial(launch.walk_back, case.inputs, upstream, case.x, directions, states)
        found = {}
        for key, choice in candidates.items():
            with chosen("backward", choice):
                found[key] = timed(work)
    return found, candidates


@contextmanager
def states_kept(every: int) -> Iterator[None]:
    """Keep the state each `every` positions."""
    modules = (plan, forward_module, backward_module, triton_launch)
    for module in modules:
        module.SEGMENT = every
    try:
        yield
    finally:
        for module in modules:
            module.SEGMENT = 256


def timed(work: Callable[[], object]) -> float | str:
    try:
        return graph_ms(work, 12)
    except Exception as error:
        return str(error)[:60]


def tell(name: str, found: dict[str, float | str], note: Callable[..., None], limit: float) -> None:
    """Note the best first, and the rule's."""
    ranked = sorted(found.items(), key=lambda item: item[1] if isinstance(item[1], float) else 1e9)
    listed = "; ".join(
        f"{key}: {value:.4f}" if isinstance(value, float) else f"{key}: {value}" for key, value in ranked
    )
    note(name, limit=limit, rule=found["rule"], ms=listed)


def keep(key: str, found: dict[str, float | str], candidates: dict[str, Choice]) -> None:
    """Write the best candidate beside those of other shapes; the rule's where it is within 2 %."""
    path = os.environ.get(VARIABLE)
    times = {name: value for name, value in found.items() if isinstance(value, float)}
    if not path or not times:
        return
    best = min(times, key=times.__getitem__)
    if times.get("rule", 1e9) <= 1.02 * times[best]:
        best = "rule"
    kept = json.loads(Path(path).read_text()) if Path(path).is_file() else {}
    kept[key] = candidates[best]
    Path(path).write_text(json.dumps(kept))


def compile_all(note: Callable[..., None]) -> None:
    """Compile in several processes what the sweep will load."""
    wanted = sorted(set(all_constants()))
    with ProcessPoolExecutor(8, mp_context=get_context("spawn")) as pool:
        done = list(pool.map(_compile, wanted))
    note("kernels of the sweep", compiled=len(done))


def all_constants() -> Iterator[tuple[str, tuple[tuple[str, int], ...]]]:
    """Give kernel and constants of every candidate."""
    for name, (*_, states, _) in SHAPES.items():
        if name.startswith("base"):
            continue
        for dtype in (torch.bfloat16, torch.float32):
            if dtype == torch.float32 and name not in FLOAT32:
                continue
            element = 2 if dtype == torch.float32 else 0
            for layout, cut in forward_candidates(name, dtype).values():
                for mode, starts in ((0, 0),) if cut.chunks == 1 else ((1, 0), (0, 1)):
                    yield "forward", tuple(forward_constants(layout, states, element, mode, starts).items())
        if name not in FORWARD_ONLY:
            for layout, cut in backward_candidates(name).values():
                for every in (256, *KEPT_EVERY) if name in KEPT_FOR else (256,):
                    yield "backward", tuple(
                        {
                            "N": states, "K": 4, "INPUT": 0, "UPSTREAM": 0, "LANES": layout.lanes,
                            "WARPS": layout.warps, "T": layout.positions, "TILE": layout.tile,
                            "STAGES": layout.stages, "RESIDENT": layout.resident, "SEGMENT": every,
                            "SAVED": int(SHAPES[name][1] ** 2 > every), "PASSED": int(cut.chunks > 1),
                        }.items()
                    )  # fmt: skip


def forward_constants(layout: Layout, states: int, element: int, mode: int, starts: int) -> dict[str, int]:
    return {
        "N": states, "K": 4, "INPUT": element, "STEP": element, "LANES": layout.lanes,
        "WARPS": layout.warps, "T": layout.positions, "STAGES": layout.stages, "UNROLL": layout.unroll,
        "RESIDENT": layout.resident, "MODE": mode, "SAVE": 0, "STARTS": starts,
    }  # fmt: skip


def _compile(wanted: tuple[str, tuple[tuple[str, int], ...]]) -> int:
    from cipa.ops.scan.cuda.build import cubin_of

    return len(cubin_of(wanted[0], dict(wanted[1]), "sm_90"))
