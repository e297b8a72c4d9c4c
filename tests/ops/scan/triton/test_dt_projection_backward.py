"""The backward pass of the dt projection against float64, in one pass over the channels and in two."""

import pytest
import torch

from op_inputs import relative_error

ANYWHERE = (pytest.mark.interpreter, pytest.mark.gpu)
SIZES = [  # images, pixels, K, D, R, N, parts of the gradients of B and C
    pytest.param((2, 35, 2, 40, 6, 3, 2), marks=ANYWHERE),
    pytest.param((1, 150, 1, 13, 17, 1, 1), marks=ANYWHERE),
    pytest.param((3, 5, 2, 16, 0, 4, 3), marks=ANYWHERE),
    pytest.param((8, 4096, 4, 192, 6, 16, 6), marks=[pytest.mark.gpu]),
    pytest.param((8, 1024, 4, 384, 12, 4, 12), marks=[pytest.mark.gpu]),
    pytest.param((4, 100, 4, 1536, 48, 16, 3), marks=[pytest.mark.gpu]),
    pytest.param((2, 100, 2, 256, 130, 16, 2), marks=[pytest.mark.gpu]),
]
TYPES = {torch.float32: (2e-6, 2e-6), torch.float16: (1e-3, 3e-5), torch.bfloat16: (8e-3, 3e-5)}
"""Bounds for the projection's gradient, rounded to its type, and for the weight's. Of half-precision products
tensor cores add up 16 at a time and cut off what does not fit, 2^-24 of the sum: 410 times in a row here."""


@pytest.mark.parametrize("held", [None, 1])
@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("size", SIZES)
def test_projection_and_weight_get_their_gradients(size, dtype, held, device, nan_scratch, monkeypatch):
    from cipa.ops.scan.triton import dt_projection_backward as module

    if device == "cpu" and dtype == torch.bfloat16:
        pytest.skip("the interpreter has no bfloat16 products")
    if held is not None:  # every tile of channels in a program of its own
        monkeypatch.setattr(module, "HELD", held)
        monkeypatch.setattr(module, "CHANNELS", 16)
    images, pixels, count, channels, rank, states, parts = size
    make = torch.Generator().manual_seed(0)
    d_raw = torch.randn(images, pixels, count, channels, generator=make).to(dtype)
    dvalues = torch.randn(images, pixels, count, parts, 2 * states, generator=make)
    shape = (images, pixels, 1, count, rank + 2 * states)
    projection = torch.randn(shape, generator=make).to(dtype)
    weight = torch.randn(count, channels, rank, generator=make).to(dtype).float()

    found, dweight = module.dt_projection_gradients(
        *(x.to(device) for x in (d_raw, dvalues, projection, weight))
    )

    low = projection.view(images, pixels, count, -1)[..., :rank].double()
    projected = torch.einsum("blkd,kdr->blkr", d_raw.double(), weight.double())
    truth = torch.cat([projected, dvalues.double().sum(3)], dim=-1).view(shape)
    assert found.dtype == dtype
    assert dweight.dtype == torch.float32
    assert relative_error(found.cpu(), truth) < TYPES[dtype][0]
    assert (
        relative_error(dweight.cpu(), torch.einsum("blkd,blkr->kdr", d_raw.double(), low)) < TYPES[dtype][1]
    )
