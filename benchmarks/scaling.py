"""Training on all GPUs of a machine against one of them, each GPU with as many slices as the one has alone.

The slices are phantoms, read from files; training is the real one, started by torchrun for one GPU too. One
step of N GPUs is one step of a batch N times as large, so that the ideal is N times the slices a second.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

from benchmarks.harness import Row, require
from cipa.parallel import processors
from cipa.phantom.write import write_phantoms

STEPS = 20
"""Of an epoch, of three, for one GPU and for all."""

PER_GPU = 0.925
"""1.85 of two GPUs."""


def run(device: str = "cuda") -> list[Row]:
    """Time one process and one a GPU; their weights must be equal at the end. A "cpu" has two, to try it."""
    count = torch.cuda.device_count() if device == "cuda" else 2
    if count < 2:
        print("scaling: fewer than two CUDA devices, nothing measured", file=sys.stderr)
        return []
    size, batch, model = (512, 16, "tiny") if device == "cuda" else (128, 2, "nano")
    options = ("--model", model, "--batch", str(batch), "--steps", str(STEPS))
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder, "data")
        patients = -(-count * batch * STEPS // 16)
        write_phantoms(data, patients, size=size, slices=(18, 24), test_fraction=0.1, workers=processors())
        speeds = {
            number: _speed(data, Path(folder, f"run-{number}"), number, options) for number in (1, count)
        }
    one, more = ("GPU", "GPUs") if device == "cuda" else ("process", "processes")
    case = f"{model}, {batch} pairs {size} x {size} a {one}, {processors()} cores"
    rows = [
        Row("scaling", f"{case}: {number} {one if number == 1 else more}", speed, "slices/s", on=device)
        for number, speed in speeds.items()
    ]
    ratio = Row(
        "scaling", f"{case}: {count} / 1", speeds[count] / speeds[1], "ratio", 0, f">= {PER_GPU * count:.3g}",
        on=device,
    )  # fmt: skip
    return [*rows, ratio]


def _speed(data: Path, out: Path, processes: int, options: tuple[str, ...]) -> float:
    launcher = ("torch.distributed.run", "--standalone", "--nproc-per-node", str(processes), "-m")
    threads = {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
    done = subprocess.run(
        [sys.executable, "-m", *launcher, "benchmarks.training_run", str(data), str(out), *options],
        capture_output=True, text=True, check=False, env=os.environ | threads,
    )  # fmt: skip
    require(done.returncode == 0, f"{processes} processes: {done.stderr[-600:]}")
    return float(json.loads(done.stdout.strip().splitlines()[-1])["speed"])
