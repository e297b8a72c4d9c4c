"""What NVRTC makes of the kernels for GPUs that are not here: registers, spills, length of inner loops."""

import collections
import functools
import re
import subprocess
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import pytest

from cipa.ops.scan.cuda import build, nvrtc
from cipa.ops.scan.cuda.backward_plan import LAYOUTS_4, backward_layout
from cipa.ops.scan.cuda.errors import CudaUnavailable
from cipa.ops.scan.cuda.forward import ENDS, PASSES, SCAN
from cipa.ops.scan.cuda.plan import forward_layout

ARCHITECTURES = ("sm_80", "sm_86", "sm_89", "sm_90", "sm_100", "sm_120")
BFLOAT16, FLOAT16, FLOAT32 = 0, 1, 2
BYTES = {BFLOAT16: 2, FLOAT16: 2, FLOAT32: 4}


@pytest.fixture(scope="module", autouse=True)
def compiler():
    try:
        nvrtc.library()
    except CudaUnavailable as error:
        pytest.skip(str(error))


@pytest.fixture
def tools():
    spec = find_spec("triton")
    folder = Path(spec.origin).parent / "backends" / "nvidia" / "bin" if spec else Path()
    if not (folder / "nvdisasm").exists():
        pytest.skip("no disassembler: Triton brings it")
    return folder


@functools.cache
def compile_forward(architecture, walks, length, states=16, element=BFLOAT16, mode=SCAN, save=0, starts=0):
    size = BYTES[element]
    layout = forward_layout(walks, length, 192, states, size, size, cut=mode != SCAN or bool(starts))
    constants = {
        "N": states, "K": 4, "INPUT": element, "STEP": element, "LANES": layout.lanes, "WARPS": layout.warps,
        "T": layout.positions, "STAGES": layout.stages, "UNROLL": layout.unroll, "RESIDENT": layout.resident,
        "MODE": mode, "SAVE": save, "STARTS": starts,
    }  # fmt: skip
    return nvrtc.compile_source(build.source_of("forward", constants), architecture), layout


@functools.cache
def compile_backward(architecture, states=16, element=BFLOAT16, passed=0, layout=None):
    layout = layout or backward_layout(192, states)
    constants = {
        "N": states, "K": 4, "INPUT": element, "UPSTREAM": element, "LANES": layout.lanes,
        "WARPS": layout.warps, "T": layout.positions, "TILE": layout.tile, "STAGES": layout.stages,
        "RESIDENT": layout.resident, "SEGMENT": 256, "SAVED": 1, "PASSED": passed,
    }  # fmt: skip
    return nvrtc.compile_source(build.source_of("backward", constants), architecture), layout


def usage(tools, cubin, folder):
    """Return registers a thread and bytes of stack, where spilled ones go."""
    path = folder / "kernel.cubin"
    path.write_bytes(cubin)
    done = subprocess.run([tools / "cuobjdump", "-res-usage", path], capture_output=True, text=True)
    return tuple(map(int, re.search(r"REG:(\d+) STACK:(\d+)", done.stdout).groups()))


def inner_loops(tools, cubin, folder):
    """Return for each loop the number of its instructions by name, up to the first dot."""
    path = folder / "kernel.cubin"
    path.write_bytes(cubin)
    text = subprocess.run([tools / "nvdisasm", "-c", path], capture_output=True, text=True).stdout
    labels, code, loops = {}, [], []
    for line in text.splitlines():
        if label := re.match(r"\s*(\.L_x_\d+):", line):
            labels[label.group(1)] = len(code)
        elif found := re.match(r"\s*/\*[0-9a-f]+\*/\s+(?:@!?U?P\d+ )?\s*([A-Z][A-Z0-9_.]*)(.*);", line):
            code.append(found.groups())
    for at, (name, rest) in enumerate(code):
        target = re.search(r"\.L_x_\d+", rest)
        if name.startswith("BRA") and target and labels.get(target.group(), at + 1) <= at:
            body = code[labels[target.group()] : at + 1]
            loops.append(collections.Counter(word.split(".")[0] for word, _ in body))
    return loops


FORWARD = {
    "many walks": partial(compile_forward, walks=30_000, length=4096),
    "some walks": partial(compile_forward, walks=6_000, length=1024),
    "windows": partial(compile_forward, walks=30_000, length=16),
    "float16": partial(compile_forward, walks=30_000, length=4096, element=FLOAT16),
    "float32": partial(compile_forward, walks=30_000, length=4096, element=FLOAT32),
    "states kept": partial(compile_forward, walks=30_000, length=4096, save=1),
    "chunks, first pass": partial(compile_forward, walks=3_000, length=16384, mode=ENDS),
    "chunks, second pass": partial(compile_forward, walks=3_000, length=16384, starts=1),
    "chunks, first pass backwards": partial(compile_forward, walks=3_000, length=16384, mode=PASSES),
    "one lane": partial(compile_forward, walks=50_000, length=4096),
    "N 4": partial(compile_forward, walks=20_000, length=4096, states=4),
    "N 4, few walks": partial(compile_forward, walks=12_000, length=1024, states=4),
    "N 4, float32": partial(compile_forward, walks=12_000, length=16384, states=4, element=FLOAT32),
    "N 4, chunks of many walks": partial(compile_forward, walks=12_000, length=16384, states=4, starts=1),
}
BACKWARD = {
    "N 16": compile_backward,
    "N 16, float16": partial(compile_backward, element=FLOAT16),
    "N 16, float32": partial(compile_backward, element=FLOAT32),
    "N 16, chunks": partial(compile_backward, passed=1),
    "N 4": partial(compile_backward, states=4),
    "N 4, half stages": partial(compile_backward, states=4, passed=1, layout=LAYOUTS_4[1]),
}


@pytest.mark.parametrize("case", FORWARD.values(), ids=FORWARD.keys())
def test_forward_kernels_keep_their_registers_on_hopper(case, tools, tmp_path):
    cubin, layout = case("sm_90")
    registers, stack = usage(tools, cubin, tmp_path)
    assert stack == 0
    assert registers * (layout.warps * 32 + 32) * layout.resident <= 65536


@pytest.mark.parametrize("case", BACKWARD.values(), ids=BACKWARD.keys())
def test_backward_kernels_keep_their_registers_on_hopper(case, tools, tmp_path):
    cubin, layout = case("sm_90")
    registers, stack = usage(tools, cubin, tmp_path)
    assert stack <= 16
    assert registers * layout.threads * layout.resident <= 65536


@pytest.mark.parametrize(
    ("case", "most"),
    [
        ("many walks", 112),
        ("some walks", 135),
        ("one lane", 100),
        ("windows", 100),
        ("N 4", 34),
        ("chunks, first pass", 84),
    ],
)
def test_a_position_of_32_channels_takes_few_instructions(case, most, tools, tmp_path):
    """One exponential a lane, state and position says how many positions a loop's turn takes."""
    cubin, layout = FORWARD[case]("sm_90")
    states = 4 if case == "N 4" else 16
    exponentials = layout.unroll * layout.lanes * states // layout.lanes
    loops = [loop for loop in inner_loops(tools, cubin, tmp_path) if loop["MUFU"] == exponentials]
    shortest = min(sum(loop.values()) for loop in loops)
    assert shortest * layout.lanes / (layout.unroll * layout.lanes) <= most


def test_the_backward_loops_take_few_instructions(tools, tmp_path):
    cubin, layout = compile_backward("sm_90")
    loops = [loop for loop in inner_loops(tools, cubin, tmp_path) if loop["MUFU"] >= 32]
    replay, back = sorted(sum(loop.values()) for loop in loops)[:2]
    of_32_channels = layout.lanes / 2 / layout.tile
    assert replay * of_32_channels <= 100
    assert back * of_32_channels <= 345


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_kernels_are_compiled_for_every_architecture(architecture, tools, tmp_path):
    for cubin, _ in (FORWARD["many walks"](architecture), compile_backward(architecture)):
        registers, stack = usage(tools, cubin, tmp_path)
        assert registers <= 168
        assert stack <= 32


def test_an_unknown_architecture_is_named():
    with pytest.raises(CudaUnavailable, match=r"NVRTC \d+\.\d+.* for sm_42"):
        nvrtc.compile_source("", "sm_42")


def test_an_error_in_the_source_is_quoted():
    with pytest.raises(CudaUnavailable, match=r"scan\.cu\(1\): error"):
        nvrtc.compile_source("nonsense", "sm_90")
