"""What an exported file costs beside the network it came from, on this machine's CPU.

    python -m benchmarks.exported --model tiny --image-size 512

Random weights: they have no part in the time. The three take turns, so that a busy machine slows all alike.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import torch

import cipa


def main() -> None:
    """Print seconds a pair, size and difference of the network, its .pt2 and its ONNX file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--image-size", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    torch.manual_seed(0)
    network = cipa.create_model(arguments.model, image_size=arguments.image_size).eval()
    runs, lines = {"network": network}, {"network": f"{'':>20}"}
    with tempfile.TemporaryDirectory() as folder:
        for suffix in (".pt2", ".onnx"):
            path, began = Path(folder) / f"network{suffix}", time.monotonic()
            difference = cipa.export_model(network, path)
            written = time.monotonic() - began
            began = time.monotonic()
            runs[suffix] = cipa.load_exported(path)
            lines[suffix] = (
                f"{path.stat().st_size / 2**20:.1f} MiB, written and checked in {written:.0f} s, "
                f"read in {time.monotonic() - began:.1f} s, differs by {difference:.1e}"
            )
        seconds = measure(runs, arguments.image_size, arguments.rounds)
    ours = statistics.median(seconds["network"])
    print(f"{arguments.model}, {arguments.image_size} px, one pair, {torch.get_num_threads()} thread(s)")
    for name, times in seconds.items():
        median = statistics.median(times)
        print(f"{name:>8}: {median:.3f} s ({min(times):.3f} to {max(times):.3f}), {median / ours:.2f} times")
        print(f"          {lines[name]}")


def measure(runs: dict, side: int, rounds: int) -> dict[str, list[float]]:
    """Return the seconds of each round of each network, one pair a pass, after one that warms up."""
    ct, pet = (torch.rand(1, 1, side, side) * 3.2 - 1.6 for _ in range(2))
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    with torch.inference_mode():
        for number in range(rounds + 1):
            for name, run in runs.items():
                began = time.perf_counter()
                run(ct, pet)
                if number:
                    seconds[name].append(time.perf_counter() - began)
    return seconds


if __name__ == "__main__":
    main()
