"""Channel attention's factors against float64: tiny in the interpreter, real sizes on a GPU."""

import pytest
import torch

from cipa.ops import channel_factors, use_backend

ANYWHERE = (pytest.mark.interpreter, pytest.mark.gpu)
SIZES = [
    pytest.param((2, 5, 7, 24), 1, marks=ANYWHERE, id="tiny"),
    pytest.param((3, 9, 33, 13), 3, marks=ANYWHERE, id="odd"),
    pytest.param((2, 128, 128, 96), 3, marks=[pytest.mark.gpu], id="fine"),
    pytest.param((16, 32, 32, 384), 12, marks=[pytest.mark.gpu], id="coarse"),
]

pytestmark = pytest.mark.usefixtures("kernels", "nan_scratch")


@pytest.mark.parametrize(("size", "narrow"), SIZES)
@pytest.mark.parametrize(("dtype", "bound"), [(torch.float32, 3e-6), (torch.float16, 1e-3)])
@pytest.mark.parametrize("with_bias", [False, True])
def test_the_factors_are_float64s(size, narrow, dtype, bound, with_bias, device):
    """PyTorch's own float32 is up to 1.2e-6 away."""
    make = torch.Generator().manual_seed(0)
    x, down, up, *bias = (
        (torch.randn(shape, generator=make) / inputs**0.5).to(dtype)
        for shape, inputs in (
            (size, 1),
            ((narrow, size[-1]), size[-1]),
            ((size[-1], narrow), narrow),
            *[((size[-1],), 1)] * with_bias,
        )
    )
    x -= 6 * (torch.arange(size[-1]) % 2)  # channels with a negative maximum too
    with use_backend("reference"):
        expected = channel_factors(*(tensor.double() for tensor in (x, down, up, *bias)))
    with torch.no_grad():
        found = channel_factors(*(tensor.to(device) for tensor in (x, down, up, *bias)))
    assert found.dtype == dtype
    torch.testing.assert_close(found.cpu().double(), expected, rtol=0, atol=bound)


@pytest.mark.interpreter
@pytest.mark.gpu
def test_a_nan_stays_in_its_image(device):
    x = torch.randn(2, 4, 5, 8, device=device)
    x[0, 1, 2, 3] = torch.nan
    with torch.no_grad():
        factors = channel_factors(x, torch.ones(2, 8, device=device), torch.ones(8, 2, device=device))
    assert factors[0].isnan().all()
    assert factors[1].isfinite().all()
