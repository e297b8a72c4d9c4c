"""The CUDA kernels on small shapes under compute-sanitizer; run as a module, the program that it watches."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial

TOOLS = ("memcheck", "racecheck", "initcheck", "synccheck")
FALLBACKS = ("/usr/local/cuda/bin/compute-sanitizer", "/usr/local/cuda/compute-sanitizer/compute-sanitizer")


def works() -> Iterator[tuple[str, Callable[..., None]]]:
    """One tool after the other."""
    for tool in TOOLS:
        yield tool, partial(watch, tool)


def watch(tool: str, note: Callable[..., None]) -> None:
    """Run the small program under a tool and note its last words."""
    program = shutil.which("compute-sanitizer") or next(filter(shutil.which, FALLBACKS), None)
    if program is None:
        raise FileNotFoundError("compute-sanitizer is not installed")
    command = [program, "--tool", tool, "--kernel-regex", "kns=scan_", sys.executable, "-m", __name__]
    done = subprocess.run(command, capture_output=True, text=True, timeout=150, check=False)
    text = done.stdout + done.stderr
    lines = [line for line in text.splitlines() if "=========" in line]
    kinds = sorted(
        set(re.findall(r"========= +((?:Invalid|Error|Warning|Uninit|Barrier)[^\n]{0,100})", text))
    )[:6]
    note(
        tool,
        ok=done.returncode == 0
        and "ERROR SUMMARY: 0"
        in text + "ERROR SUMMARY: 0" * ("hazards displayed" in text and "0 hazards" in text),
        code=done.returncode,
        last=lines[-1][:120] if lines else text[-200:],
        kinds=kinds,
        detail=lines[:14] if kinds else [],
    )


def small() -> None:
    """Run every kernel once on shapes with tails; no Triton, whose kernels are not watched."""
    import torch

    from cipa.ops.scan.cuda import forward
    from cipa.ops.scan.cuda.backward import run_backward
    from cipa.ops.scan.cuda.forward import ENDS, PASSES, Walks, run_chunk_ends, run_scan
    from cipa.ops.scan.cuda.plan import Cut, backward_layout, forward_layout

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, device="cuda")

    for states, dtype in (
        (16, torch.bfloat16),
        (16, torch.float16),
        (16, torch.float32),
        (4, torch.bfloat16),
    ):
        for walks_count, height, width in ((100_000, 17, 19), (10, 17, 19), (10, 4, 4)):
            batch, channels, directions = 3, 72, (0, 1, 2, 3)
            length = height * width
            delta = torch.nn.functional.softplus(draw(batch, length, 4, channels) - 2)
            walks = Walks(
                draw(batch, length, channels).to(dtype), delta.to(dtype), draw(batch, length, 4, 2 * states),
                draw(4, channels, states) * 0.1, draw(4, channels), height, width, directions,
            )  # fmt: skip
            size = walks.x.element_size()
            layout = forward_layout(walks_count, length, channels, states, size, size, cut=False)
            segments = -(-length // forward.SEGMENT)
            kept = torch.empty(batch, segments, 4, states, channels, device="cuda") if segments > 1 else None
            y = run_scan(walks, layout, Cut(length, 1, 2), None, kept)
            upstream = draw(batch, length, channels).to(y.dtype)
            back = backward_layout(channels, states)
            none = torch.empty(0, device="cuda")
            run_backward(walks, upstream, back, Cut(length, 1, 2), none if kept is None else kept, None)
            if segments > 1:
                cut = Cut(forward.SEGMENT, segments, 1)
                run_scan(walks, layout, cut, run_chunk_ends(walks, layout, cut, ENDS)[0], kept)
                first = forward_layout(10, length, channels, states, upstream.element_size(), size, cut=True)
                passes, _ = run_chunk_ends(walks._replace(x=upstream), first, cut, PASSES)
                run_backward(walks, upstream, back, cut, kept, passes)
    torch.cuda.synchronize()
    print("all kernels ran")


if __name__ == "__main__":
    small()
