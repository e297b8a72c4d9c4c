"""float32 products on tensor cores against float64: tiny in the interpreter, the networks' sizes on a GPU."""

import pytest
import torch
import torch.nn.functional as F

from op_inputs import relative_error

product = pytest.importorskip("cipa.ops.fused.split_matmul_triton")

ANYWHERE = (pytest.mark.interpreter, pytest.mark.gpu)
BOUND = 4e-6
"""A few roundings of float32 in the interpreter; tensor cores cut sums off in place of rounding them, which
came to 1.9e-6 for 1,536 channels on an H200 when they added up all of them."""

pytestmark = pytest.mark.usefixtures("nan_scratch")


def normal(*shapes):
    make = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=make) for shape in shapes]


@pytest.mark.parametrize(
    ("shape", "columns"),
    [
        pytest.param((70, 40), 19, marks=ANYWHERE, id="odd"),
        pytest.param((2, 3, 5, 24), 33, marks=ANYWHERE, id="map"),
        pytest.param((1, 96), 200, marks=ANYWHERE, id="one row"),
        pytest.param((4, 128, 128, 192), 152, marks=[pytest.mark.gpu], id="fine"),
        pytest.param((2, 16, 16, 1536), 320, marks=[pytest.mark.gpu], id="coarse"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("biased", [False, True])
def test_a_linear_layer_is_float64s_to_a_few_roundings_of_float32(shape, columns, biased, device):
    x, weight, bias = (tensor.to(device) for tensor in normal(shape, (columns, shape[-1]), (columns,)))
    bias = bias if biased else None
    expected = F.linear(x.double(), weight.double(), None if bias is None else bias.double())
    found = product.launch_product(x, product.split_weight(weight), bias)
    assert found.shape == expected.shape
    assert relative_error(found, expected) < BOUND


@pytest.mark.parametrize(
    ("shape", "columns", "stride"),
    [
        pytest.param((1, 5, 7, 24), 10, 1, marks=ANYWHERE, id="odd"),
        pytest.param((2, 5, 6, 32), 9, 2, marks=ANYWHERE, id="strided"),
        pytest.param((2, 128, 128, 96), 32, 1, marks=[pytest.mark.gpu], id="fine"),
        pytest.param((3, 8, 8, 384), 128, 1, marks=[pytest.mark.gpu], id="coarse"),
    ],
)  # fmt: skip
def test_a_convolution_is_float64s_to_a_few_roundings_of_float32(shape, columns, stride, device):
    x, weight, bias = (tensor.to(device) for tensor in normal(shape, (columns, shape[-1], 3, 3), (columns,)))
    first = x.permute(0, 3, 1, 2).double()
    expected = F.conv2d(first, weight.double(), bias.double(), stride=stride, padding=1).permute(0, 2, 3, 1)
    found = product.launch_product(x, product.split_weight(weight), bias, stride)
    assert found.shape == expected.shape
    assert relative_error(found, expected) < BOUND


@pytest.mark.parametrize(
    ("of_x", "of_weight"), [(1e-2, 1e-4), (1e5, 1e3), (1.0, 1e-30), (0.0, 1.0), (1.0, 0.0)]
)
@pytest.mark.interpreter
@pytest.mark.gpu
def test_neither_small_nor_large_values_lose_bits(of_x, of_weight, device):
    x, weight = (tensor.to(device) for tensor in normal((20, 64), (16, 64)))
    x, weight = x * of_x, weight * of_weight
    found = product.launch_product(x, product.split_weight(weight), None)
    expected = x.double() @ weight.double().T
    assert (found - expected).norm() <= BOUND * expected.norm()


@pytest.mark.interpreter
@pytest.mark.gpu
def test_what_float16_cannot_hold_shows_and_stays_in_its_row(device):
    x, weight = (tensor.to(device) for tensor in normal((3, 32), (16, 32)))
    x[0, 3], x[1, 5] = torch.nan, 1e8
    found = product.launch_product(x, product.split_weight(weight), None)
    assert not found[:2].isfinite().any()
    assert found[2].isfinite().all()


@pytest.mark.interpreter
def test_tiles_leave_few_columns_empty_and_no_processor_idle():
    assert product.choose_tile(524288, 768, 132).columns == 128
    assert product.choose_tile(524288, 192, 132).columns == 64
    assert product.choose_tile(524288, 32, 132).columns == 32
    assert product.choose_tile(256, 768, 132) == product.Tile(*product.TILES[-1])
