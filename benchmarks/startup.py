"""What a user waits for before anything happens: `cipa --help`, `import cipa` beyond PyTorch's own import."""

import statistics
import subprocess
import sys
import time

from benchmarks.harness import Row, require


def run() -> list[Row]:
    """Time fresh processes; the gate is that they succeed."""
    python = sys.executable
    torch_alone = _seconds([python, "-c", "import torch"])
    with_cipa = _seconds([python, "-c", "import torch, cipa; cipa.create_model, cipa.load_model"])
    return [
        Row("start-up", "cipa --help", _seconds([python, "-m", "cipa", "--help"]), "s", 0, "< 0.5"),
        Row("start-up", "import cipa and its models, beyond torch", with_cipa - torch_alone, "s", 0, "< 1"),
    ]


def _seconds(command: list[str], repeats: int = 5) -> float:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        done = subprocess.run(command, capture_output=True, check=False)
        times.append(time.perf_counter() - start)
        require(done.returncode == 0, f"{' '.join(command)} failed: {done.stderr.decode()[-200:]}")
    return statistics.median(times)
