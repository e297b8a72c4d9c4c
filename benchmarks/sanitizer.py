"""The scan's CUDA kernels on small shapes under compute-sanitizer.

    python -m benchmarks.sanitizer                      memcheck, synccheck, initcheck, racecheck
    python -m benchmarks.sanitizer racecheck-explicit   one of them

Exit code 1 where a tool reports anything. racecheck does not follow two orderings of the kernels: a lane that
arrives at a barrier for its warp after `__syncwarp`, and a write whose value came through a shuffle from the
lane that read the same word before. `racecheck-explicit` says both in words it follows: every lane arrives,
copies are waited for before the arrival, and a `__syncwarp` stands before the write. Nothing else is changed:
what it then still reported would be a hazard.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence

TOOLS = ("memcheck", "synccheck", "initcheck", "racecheck-explicit")
FALLBACKS = ("/usr/local/cuda/bin/compute-sanitizer", "/usr/local/cuda/compute-sanitizer/compute-sanitizer")
MOST_SECONDS = 150
UNCACHED = {"PYTORCH_NO_CUDA_MEMORY_CACHING": "1"}
"""Every tensor an allocation of its own: in PyTorch's pools a read beyond one lands in another's values."""

EXPLICIT = {  # in forward.cu
    "barrier_init(done + tid * 8, WARPS);": "barrier_init(done + tid * 8, WARPS * 32);",
    "if (lane == 0) barrier_arrive(done + slot * 8);": "barrier_arrive(done + slot * 8);",
    "barrier_arrive_after_copies(full + slot * 8);": "await_copies(); barrier_arrive(full + slot * 8);",
    "const int to = (run + offset) * CHANNELS;": "__syncwarp(); const int to = (run + offset) * CHANNELS;",
}
SHAPES = (  # states, element type, walks that the layout is chosen for, H, W
    (16, "bfloat16", 30_000, 13, 15),
    (16, "float16", 10, 13, 15),
    (16, "float32", 50_000, 13, 15),
    (16, "bfloat16", 50_000, 4, 4),
    (4, "bfloat16", 10, 13, 15),
    (4, "float32", 10_000, 13, 15),
)


def main(tools: Sequence[str]) -> int:
    """Run each tool and print its last words."""
    failed = False
    for tool in tools or TOOLS:
        clean, text = watch(tool)
        kinds = re.findall(r"(?:Race reported|Invalid|Uninit|Barrier)[^\n]{0,90}", text)
        print(f"{tool:20} {'clean' if clean else 'NOT CLEAN'}  {last_words(text)}", flush=True)
        for kind in sorted(set(kinds))[:12]:
            print(f"    {kind}", flush=True)
        failed |= not clean
    return int(failed)


def watch(tool: str) -> tuple[bool, str]:
    """Run the small program under a tool; return whether nothing was reported, and what was printed."""
    program = shutil.which("compute-sanitizer") or next(filter(shutil.which, FALLBACKS), None)
    if program is None:
        raise FileNotFoundError("compute-sanitizer is not installed")
    name, _, explicit = tool.partition("-")
    command = [program, "--tool", name, "--print-limit", "30", "--kernel-regex", "kns=scan_"]
    command += [sys.executable, "-m", "benchmarks.sanitizer", "--small", explicit or "as-is"]
    try:
        done = subprocess.run(
            command,
            env=os.environ | UNCACHED,
            capture_output=True,
            text=True,
            timeout=MOST_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False, f"stopped after {MOST_SECONDS} s"
    text = done.stdout + done.stderr
    return done.returncode == 0 and "all kernels ran" in text and not reports(text), text


def reports(text: str) -> bool:
    """Return whether a tool's summary counts anything, or is missing."""
    counts = re.findall(r"(?:ERROR SUMMARY: |SUMMARY: )(\d+) (?:error|hazard)", text)
    return not counts or any(map(int, counts))


def last_words(text: str) -> str:
    """Return the summary of a tool, or the end of what was printed."""
    lines = [line for line in text.splitlines() if "SUMMARY" in line]
    return lines[-1].lstrip("= ") if lines else text.strip()[-200:]


def small(explicit: bool) -> None:
    """Run every kernel once on shapes with tails; no Triton, whose kernels are not watched.

    Inputs are drawn on the CPU: initcheck follows copies to the GPU, not what PyTorch's own kernels write.
    """
    import torch

    from cipa.ops.scan.cuda import build, forward
    from cipa.ops.scan.cuda.backward import run_backward
    from cipa.ops.scan.cuda.backward_plan import backward_layout
    from cipa.ops.scan.cuda.forward import ENDS, PASSES, Walks, run_chunk_ends, run_scan
    from cipa.ops.scan.cuda.plan import Cut, forward_layout

    if explicit:
        build._text = explicit_text(build._text)  # type: ignore[assignment]
    for module in (forward, sys.modules["cipa.ops.scan.cuda.backward"]):
        module.SEGMENT = 64  # type: ignore[attr-defined]
    sys.modules["cipa.ops.scan.cuda.backward_plan"].SEGMENT = 64  # type: ignore[attr-defined]
    draw = torch.Generator().manual_seed(0)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=draw)

    for states, name, count, height, width in SHAPES:
        dtype, (batch, channels, directions) = getattr(torch, name), (2, 24, (0, 1, 2, 3))
        length = height * width
        walks = Walks(
            normal(batch, length, channels).to(dtype).cuda(),
            torch.nn.functional.softplus(normal(batch, length, 4, channels) - 2).to(dtype).cuda(),
            normal(batch, length, 4, 2 * states).cuda(), normal(4, channels, states).mul(0.1).cuda(),
            normal(4, channels).cuda(), height, width, directions,
        )  # fmt: skip
        size = walks.x.element_size()
        layout = forward_layout(count, length, channels, states, size, size, cut=False)
        segments = -(-length // 64)
        kept = torch.empty(batch, segments, 4, states, channels, device="cuda") if segments > 1 else None
        y = run_scan(walks, layout, Cut(length, 1, 2), None, kept)
        upstream = normal(batch, length, channels).to(y.dtype).cuda()
        back = backward_layout(channels, states)
        none = torch.empty(0, device="cuda")
        run_backward(walks, upstream, back, Cut(length, 1, 2), none if kept is None else kept, None)
        if kept is not None:
            cut = Cut(64, segments, 1)
            run_scan(walks, layout, cut, run_chunk_ends(walks, layout, cut, ENDS)[0], kept)
            first = forward_layout(10, length, channels, states, upstream.element_size(), size, cut=True)
            passes, _ = run_chunk_ends(walks._replace(x=upstream), first, cut, PASSES)
            run_backward(walks, upstream, back, cut, kept, passes)
    torch.cuda.synchronize()
    print("all kernels ran")


def explicit_text(read: object) -> object:
    """Return a reader of the sources that puts `EXPLICIT` into the forward kernels'."""

    def text(name: str) -> str:
        source = read(name)  # type: ignore[operator]
        if name == "forward":
            for old, new in EXPLICIT.items():
                if old not in source:
                    raise ValueError(f"forward.cu has no {old!r}")
                source = source.replace(old, new)
        return source

    return text


if __name__ == "__main__":
    if sys.argv[1:2] == ["--small"]:
        small(sys.argv[2] == "explicit")
    else:
        sys.exit(main(sys.argv[1:]))
