"""One GPU: the network against the published code, where its time goes, ops against their limits."""

import sys
from collections.abc import Iterator

import torch

from benchmarks import gpu_first, gpu_network, gpu_ops, gpu_precision, gpu_profile, gpu_scan, gpu_spread
from benchmarks.gpu_timing import free
from benchmarks.harness import GateFailed, Row
from cipa.errors import DataError

PARTS = {
    "network": gpu_network,
    "profile": gpu_profile,
    "scan": gpu_scan,
    "ops": gpu_ops,
    "first": gpu_first,
    "spread": gpu_spread,
    "precision": gpu_precision,
}


def run(device: str = "cuda", parts: str | None = None) -> Iterator[list[Row]]:
    """Give the rows of each part's works; one whose gate fails gives none, and the others still run.

    Args:
        device: "cuda", or "cpu" to try them there on small inputs.
        parts: names of `PARTS` with commas between; None for all.

    Raises:
        GateFailed: after all others, for those whose gate failed.
    """
    if device == "cuda" and not torch.cuda.is_available():
        print("gpu: no CUDA device, nothing measured", file=sys.stderr)
        return
    failures = []
    for name in parts.split(",") if parts else PARTS:
        for work in PARTS[name].works(device):
            try:
                yield work()
            except (GateFailed, DataError) as failure:  # an answer that is not finite is a DataError
                failures.append(str(failure))
            free(device)
    if failures:
        raise GateFailed("; ".join(failures))
