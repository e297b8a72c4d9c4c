"""One GPU: ops against their limits, the network against the published code, where its time goes."""

import sys

import torch

from benchmarks import gpu_network, gpu_ops, gpu_profile
from benchmarks.gpu_timing import free
from benchmarks.harness import GateFailed, Row

PARTS = (gpu_ops, gpu_network, gpu_profile)


def run(device: str = "cuda") -> list[Row]:
    """Run the parts one by one; one whose gate fails gives no rows and is named, and the others still run."""
    if device == "cuda" and not torch.cuda.is_available():
        print("gpu: no CUDA device, nothing measured", file=sys.stderr)
        return []
    rows: list[Row] = []
    failures = []
    for part in PARTS:
        for work in part.works(device):
            try:
                rows += work()
            except GateFailed as failure:
                failures.append(str(failure))
            free(device)
    if failures:
        raise GateFailed("; ".join(failures), rows)
    return rows
