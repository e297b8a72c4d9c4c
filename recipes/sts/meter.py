"""What a run cost: time, memory, energy, on which machine."""

import importlib.metadata
import os
import platform
import shutil
import subprocess
import threading
import time
from itertools import pairwise
from pathlib import Path
from typing import Any, Self

import torch

SAMPLE_MS = 200
PACKAGES = ("torch", "triton", "numba", "numpy", "monai", "cipa")


class Meter:
    """Measures between entering and leaving: wall time, the GPU's peak memory and its energy.

    Energy is the GPU's power draw as nvidia-smi tells it five times a second, integrated over time: of the
    whole GPU, so that of runs side by side each counts all of it. It has none on a CPU.

    Attributes:
        seconds: wall time.
        energy_wh: energy, None without nvidia-smi.
        peak_memory_mib: largest memory that torch had allocated on the GPU, None without one.
    """

    def __enter__(self) -> Self:
        self.energy_wh: float | None = None
        self.peak_memory_mib: float | None = None
        self._watts: list[tuple[float, float]] = []
        self._process = _start_nvidia_smi()
        if self._process:
            threading.Thread(target=self._listen, daemon=True).start()
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()
        self._began = time.monotonic()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.monotonic() - self._began
        if torch.cuda.is_available():
            self.peak_memory_mib = torch.cuda.max_memory_allocated() / 2**20
        if self._process:
            self._process.terminate()
            self._process.wait()
            self.energy_wh = _integral(self._watts, self._began, self._began + self.seconds)

    def _listen(self) -> None:
        for line in self._process.stdout if self._process and self._process.stdout else ():
            try:
                self._watts.append((time.monotonic(), float(line)))
            except ValueError:
                continue  # "[N/A]" where the driver does not tell


def _start_nvidia_smi() -> "subprocess.Popen[str] | None":
    if not (torch.cuda.is_available() and shutil.which("nvidia-smi")):
        return None
    device = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")[0] or "0"
    words = ["nvidia-smi", "-i", device, "--query-gpu=power.draw", "--format=csv,noheader,nounits"]
    return subprocess.Popen([*words, f"-lms={SAMPLE_MS}"], stdout=subprocess.PIPE, text=True)


def _integral(watts: list[tuple[float, float]], began: float, ended: float) -> float | None:
    """Return watt-hours between two moments; outside the samples the nearest one's power holds."""
    if not watts:
        return None
    points = [(began, watts[0][1]), *watts, (ended, watts[-1][1])]
    return sum((later - now) * (a + b) / 2 for (now, a), (later, b) in pairwise(points)) / 3600


def hardware() -> dict[str, Any]:
    """Return the machine and the versions that a number belongs to."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    versions = {name: version for name in PACKAGES if (version := _version(name))}
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {
        "gpu": gpu,
        "processor": _processor(),
        "cores": cores,
        "python": platform.python_version(),
        **versions,
    }


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()
