"""The scan's CUDA backend beside Triton's on one GPU: correctness, times, whole network, tuning, sanitizer.

    python -m benchmarks.scan_cuda --out DIR --seconds 330
    python -m benchmarks.scan_cuda --out DIR --parts gate time network:3     the first three works of a part

Every part runs in a process of its own and goes on past what fails; after an error that leaves the GPU's
context broken it goes on in a new one. Numbers are printed as they come and kept in DIR/scan_cuda.jsonl, what
went wrong with all its detail in DIR/errors.txt.
"""

import argparse
import json
import os
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

PARTS = {  # name: seconds a work may take; benchmarks.scan_cuda_NAME gives the works
    "gate": 60,
    "time": 60,
    "sweep": 90,
    "network": 150,
    "training": 150,
    "sanitizer": 200,
    "warm": 300,
}
MOST_BREAKS = 3
BROKEN = 75
"""Exit code of a part whose GPU context is broken; DIR/next says with which work to go on."""

Note = Callable[..., None]
Works = Iterator[tuple[str, Callable[[Note], None]]]


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("scan_cuda"), help="folder of the results")
    parser.add_argument("--seconds", type=float, default=330, help="nothing is begun after so many")
    parser.add_argument("--parts", nargs="*", default=list(PARTS)[:-1], metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--part", choices=list(PARTS), help=argparse.SUPPRESS)
    parser.add_argument("--start", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--most", type=int, default=1 << 30, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    if arguments.part:
        end = time.time() + arguments.seconds
        return run_part(arguments.part, arguments.start, arguments.most, arguments.out, end)
    begun, failed = time.time(), False
    warm = (
        warm_up(arguments.out)
        if {"gate", "network"} <= {part.split(":")[0] for part in arguments.parts}
        else None
    )
    for part in arguments.parts:
        name, _, most = part.partition(":")
        failed |= not run_whole(name, int(most or 1 << 30), arguments.out, begun + arguments.seconds)
        if (
            warm is not None
        ):  # it compiles for the network while results are checked, not while they are timed
            try:
                warm.wait(30)
            except subprocess.TimeoutExpired:
                warm.kill()
                warm.wait()
            print(f"warm-up over at {time.time() - begun:.0f} s", flush=True)
            warm = None
    print(f"all parts: {time.time() - begun:.0f} s", flush=True)
    return int(failed)


def command_of(part: str, out: Path, seconds: float, *more: str) -> list[str]:
    shared = ["-m", "benchmarks.scan_cuda", "--part", part, "--out", str(out), "--seconds", f"{seconds:.0f}"]
    return [sys.executable, *shared, *more]


def warm_up(out: Path) -> subprocess.Popen:
    """Start a process that has Triton compile the network's kernels; what it prints is kept apart."""
    with (out / "warm.txt").open("w") as file:
        return subprocess.Popen(command_of("warm", out, 200), stdout=file, stderr=file)


def run_whole(part: str, most: int, out: Path, end: float) -> bool:
    """Run a part in processes of its own; return whether all of it went well."""
    start, good = 0, True
    for _ in range(MOST_BREAKS):
        left = end - time.time()
        if left < 10:
            print(f"{part}: not begun, time is up", flush=True)
            return False
        command = command_of(part, out, left, "--start", str(start), "--most", str(most))
        try:
            code = subprocess.run(command, timeout=left + PARTS[part], check=False).returncode
        except subprocess.TimeoutExpired:
            print(f"{part}: stopped, it hung", flush=True)
            return False
        good &= code == 0
        if code != BROKEN:
            return good
        start = int((out / "next").read_text())
    print(f"{part}: given up, its context broke {MOST_BREAKS} times", flush=True)
    return False


def run_part(part: str, start: int, most: int, out: Path, end: float) -> int:
    """Run a part's works from the one numbered `start` on; return the exit code."""
    import torch

    def note(name: str, **values: object) -> None:
        shown = "  ".join(f"{key} {show(value)}" for key, value in values.items())
        print(f"{part:9} {name:44} {shown}", flush=True)
        with (out / "scan_cuda.jsonl").open("a") as file:
            file.write(json.dumps({"part": part, "name": name, **values}, default=str) + "\n")

    if start == 0:
        note("machine", gpu=torch.cuda.get_device_name(0), torch=torch.__version__)
    compiled = count_compilations()
    failures, begun = 0, time.time()
    for number, (name, work) in enumerate(import_module(f"benchmarks.scan_cuda_{part}").works()):
        if not start <= number < most:
            continue
        if time.time() > end:
            note(name, left_out="time is up")
            failures += 1
            continue

        def hang(number: int = number, name: str = name) -> None:
            note(name, FAILED="hung", seconds=PARTS[part])
            leave(out, number + 1)

        watchdog = threading.Timer(PARTS[part], hang)
        watchdog.daemon = True
        watchdog.start()
        try:
            work(note)
            torch.cuda.synchronize()
            torch.cuda.empty_cache()
        except Exception as error:  # the other works still count
            failures += 1
            note(
                name,
                FAILED=f"{type(error).__name__}: {str(error).splitlines()[0][:160] if str(error) else ''}",
            )
            with (out / "errors.txt").open("a") as file:
                file.write(f"== {part}: {name}\n{traceback.format_exc()}\n")
            if not usable(torch):
                note(name, context="broken: going on in a new process")
                leave(out, number + 1)
        finally:
            watchdog.cancel()
    note("part done", s=time.time() - begun, failures=failures, compiled=compiled[0], compile_s=compiled[1])
    return int(failures > 0)


def leave(out: Path, number: int) -> None:
    """End the process at once, to go on with the work of that number."""
    (out / "next").write_text(str(number))
    sys.stdout.flush()
    os._exit(BROKEN)


def usable(torch: object) -> bool:
    """Return whether the GPU's context still works."""
    try:
        torch.cuda.synchronize()  # type: ignore[attr-defined]
        torch.ones(1, device="cuda").item()  # type: ignore[attr-defined]
    except Exception:
        return False
    return True


def count_compilations() -> list[float]:
    """Count what NVRTC compiles and the seconds it takes, in the list that is returned."""
    from cipa.ops.scan.cuda import nvrtc

    found, compile_source = [0.0, 0.0], nvrtc.compile_source

    def counted(source: str, architecture: str) -> bytes:
        begun = time.perf_counter()
        cubin = compile_source(source, architecture)
        found[0] += 1
        found[1] += time.perf_counter() - begun
        return cubin

    nvrtc.compile_source = counted
    return found


def show(value: object) -> str:
    """Return a value in few characters."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    sys.exit(main())
