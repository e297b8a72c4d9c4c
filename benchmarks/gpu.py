"""One GPU: the network against the published code, where its time goes, ops against their limits."""

import sys
from collections.abc import Iterator

import torch

from benchmarks import gpu_network, gpu_ops, gpu_precision, gpu_profile
from benchmarks.gpu_timing import free
from benchmarks.harness import GateFailed, Row
from cipa.errors import DataError

PARTS = (gpu_network, gpu_profile, gpu_ops, gpu_precision)


def run(device: str = "cuda") -> Iterator[list[Row]]:
    """Give the rows of each part's works; one whose gate fails gives none, and the others still run.

    Raises:
        GateFailed: after all others, for those whose gate failed.
    """
    if device == "cuda" and not torch.cuda.is_available():
        print("gpu: no CUDA device, nothing measured", file=sys.stderr)
        return
    failures = []
    for part in PARTS:
        for work in part.works(device):
            try:
                yield work()
            except (GateFailed, DataError) as failure:  # an answer that is not finite is a DataError
                failures.append(str(failure))
            free(device)
    if failures:
        raise GateFailed("; ".join(failures))
