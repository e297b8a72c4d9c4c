"""The scan's CUDA backend beside Triton's on one GPU: correctness, tuning, whole network, times of the scan.

    python -m benchmarks.scan_cuda --out DIR --seconds 330
    python -m benchmarks.scan_cuda --out DIR --parts sweep network:0:4     works 0 to 3 of a part
    python -m benchmarks.scan_cuda --out DIR --no-beside                   only what is timed

First everything whose speed does not matter runs side by side, in processes of their own: correctness,
sanitizer, loss curves, compilation of all that is timed later. Then the timed parts run one after the other,
with the layouts that the sweep found best. A part goes on past what fails; where the GPU's context is broken
then, in a new process. Numbers are kept as they come in DIR/scan_cuda.jsonl, what went wrong in
DIR/errors.txt.
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
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from importlib import import_module
from pathlib import Path

MOST_SECONDS = {  # a work may take; benchmarks.scan_cuda_NAME gives the works
    "gate": 100,
    "numerics": 150,
    "spread": 150,
    "sanitizer": 200,
    "warm": 200,
    "compile": 100,
    "sweep": 60,
    "network": 60,
    "training": 60,
    "first": 60,
    "time": 40,
}
TIMED = ("sweep", "network:0:9", "training:0:6", "first", "network:9", "time", "training:6")
BESIDE = (
    "warm:4:5", "warm:0:1", "warm:5:6", "compile", "warm:1:2", "warm:2:3", "warm:3:4", "warm:6:7",
    "gate:0::3", "gate:1::3", "gate:2::3", "numerics", "sanitizer:0:1", "sanitizer:1:2", "spread",
    "warm:7:8", "warm:8:9", "warm:9:10", "sanitizer:2:3", "sanitizer:3:4",
)  # fmt: skip
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
    parser.add_argument("--beside-seconds", type=float, default=110, help="for what is not timed")
    parser.add_argument("--processes", type=int, default=16, help="of what is not timed, at once")
    parser.add_argument("--no-beside", action="store_true", help="only the timed parts")
    parser.add_argument("--parts", nargs="*", default=TIMED, metavar="PART[:START[:STOP[:STRIDE]]]")
    parser.add_argument("--beside", nargs="*", default=BESIDE, metavar="PART[:START[:STOP[:STRIDE]]]")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    parser.add_argument("--label", default="", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    os.environ["SCAN_CUDA_CHOICES"] = str(arguments.out.absolute() / "choices.json")
    if arguments.part:
        return run_part(arguments.part, arguments.label, arguments.out, time.time() + arguments.seconds)
    begun, failed = time.time(), False
    if not arguments.no_beside:
        until = begun + min(arguments.beside_seconds, arguments.seconds)
        run_beside(arguments.beside, arguments.processes, arguments.out, until)
        print(f"what is not timed: {time.time() - begun:.0f} s", flush=True)
    for part in arguments.parts:
        failed |= not run_whole(part, arguments.out, begun + arguments.seconds)
        print(f"{part} over at {time.time() - begun:.0f} s", flush=True)
    return int(failed)


def run_beside(parts: list[str], processes: int, out: Path, end: float) -> None:
    """Run parts side by side until `end`; what has not ended then is stopped: nothing disturbs timing."""

    def run(part: str) -> None:
        begun, file = time.time(), out / f"{part.replace(':', '-')}.txt"
        good = run_whole(part, out, end, file)
        print(f"{part}: {time.time() - begun:.0f} s, {'well' if good else 'not well'}", flush=True)

    with ThreadPoolExecutor(processes) as pool:
        done: list[Future[None]] = [pool.submit(run, part) for part in parts]
        for future in done:
            future.result()
    for file in sorted(out.glob("*.txt")):
        lines = [line for line in file.read_text().splitlines() if line.split(" ")[0] in MOST_SECONDS]
        print("\n".join(line[:400] for line in lines if "machine  " not in line), flush=True)


def run_whole(part: str, out: Path, end: float, file: Path | None = None) -> bool:
    """Run a part in processes of its own, what they print going to `file`; return whether all went well."""
    name, start, stop, stride = numbers_of(part)
    label, good = part.replace(":", "-"), True
    for _ in range(MOST_BREAKS):
        left = end - time.time()
        if left < 5:
            print(f"{part}: not begun, time is up", flush=True)
            return False
        command = [
            sys.executable, "-m", "benchmarks.scan_cuda", "--part", f"{name}:{start}:{stop}:{stride}",
            "--out", str(out), "--seconds", f"{left:.0f}", "--label", label,
        ]  # fmt: skip
        with file.open("a") if file else nullcontext() as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
            try:
                code = process.wait(left)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, 9)
                process.wait()
                print(f"{part}: stopped, time is up", flush=True)
                return False
        good &= code == 0
        if code != BROKEN:
            return good
        start = int((out / f"next-{label}").read_text())
    print(f"{part}: given up, its context broke {MOST_BREAKS} times", flush=True)
    return False


def numbers_of(part: str) -> tuple[str, int, int, int]:
    """Return name, first work, the one after the last, stride."""
    name, *numbers = part.split(":")
    start, stop, stride = (*numbers, *[""] * 3)[:3]
    return name, int(start or 0), int(stop or 1 << 30), int(stride or 1)


def run_part(part: str, label: str, out: Path, end: float) -> int:
    """Run some of a part's works; return the exit code."""
    import torch

    name, start, stop, stride = numbers_of(part)

    def note(what: str, **values: object) -> None:
        shown = "  ".join(f"{key} {show(value)}" for key, value in values.items())
        print(f"{name:9} {what:44} {shown}", flush=True)
        with (out / "scan_cuda.jsonl").open("a") as file:
            file.write(json.dumps({"part": name, "name": what, **values}, default=str) + "\n")

    note("machine", gpu=torch.cuda.get_device_name(0), torch=torch.__version__)
    compiled = count_compilations()
    failures, begun = 0, time.time()
    for number, (what, work) in enumerate(import_module(f"benchmarks.scan_cuda_{name}").works()):
        if not start <= number < stop or (number - start) % stride:
            continue
        if time.time() > end:
            note(what, left_out="time is up")
            failures += 1
            continue
        following = number + stride

        def hang(following: int = following, what: str = what) -> None:
            note(what, FAILED="hung", seconds=MOST_SECONDS[name])
            leave(out, label, following)

        watchdog = threading.Timer(MOST_SECONDS[name], hang)
        watchdog.daemon = True
        watchdog.start()
        try:
            work(note)
            torch.cuda.synchronize()
            torch.cuda.empty_cache()
        except Exception as error:  # the other works still count
            failures += 1
            first = str(error).splitlines()[0][:160] if str(error) else ""
            note(what, FAILED=f"{type(error).__name__}: {first}")
            with (out / "errors.txt").open("a") as file:
                file.write(f"== {name}: {what}\n{traceback.format_exc()}\n")
            if not usable(torch):
                note(what, context="broken: going on in a new process")
                leave(out, label, following)
        finally:
            watchdog.cancel()
    note("part done", s=time.time() - begun, failures=failures, compiled=compiled[0], compile_s=compiled[1])
    return int(failures > 0)


def leave(out: Path, label: str, number: int) -> None:
    """End the process at once, to go on with the work of that number."""
    (out / f"next-{label}").write_text(str(number))
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
