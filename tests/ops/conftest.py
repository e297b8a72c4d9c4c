"""Where the Triton kernels run here, and how to make them hard to please."""

import os

import pytest
import torch

from cipa.ops import use_backend

INTERPRETING = os.environ.get("TRITON_INTERPRET") == "1"


@pytest.fixture
def device():
    """The CPU in the interpreter's process, else the GPU."""
    return "cpu" if INTERPRETING else "cuda"


@pytest.fixture
def kernels():
    """Every op runs its Triton form."""
    with use_backend("triton"):
        yield


@pytest.fixture
def full_precision(monkeypatch):
    """No TF32 in PyTorch's own convolutions, which have it by default; products do not."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


@pytest.fixture
def nan_scratch(monkeypatch):
    """Fresh memory holds NaN: what a kernel reads before it writes shows."""

    def filled(make):
        def empty(*arguments, **options):
            fresh = make(*arguments, **options)
            return fresh.fill_(torch.nan) if fresh.is_floating_point() else fresh

        return empty

    monkeypatch.setattr(torch, "empty", filled(torch.empty))
    monkeypatch.setattr(torch, "empty_like", filled(torch.empty_like))
    monkeypatch.setattr(torch.Tensor, "new_empty", filled(torch.Tensor.new_empty))


@pytest.fixture
def cut(monkeypatch):
    """A function (chunk, images, segment): cut every walk in chunks of so many positions.

    A program takes so many images; states are kept every `segment` positions, by default at chunks' starts.
    """
    from cipa.ops.scan.triton import launch
    from cipa.ops.scan.triton.plan import Plan

    def force(chunk=None, images=1, segment=None):
        def plan(_batch, length, *_):
            size = chunk or length
            return Plan(size, -(-length // size), images)

        monkeypatch.setattr(launch, "plan_scan", plan)
        monkeypatch.setattr(launch, "plan_backward", plan)
        monkeypatch.setattr(launch, "SEGMENT", segment or chunk or launch.SEGMENT)

    return force
