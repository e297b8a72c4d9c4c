"""The CPU's fused passes against PyTorch's operations, which run where gradients are wanted."""

import pytest
import torch

from cipa.ops import add_norm, channel_factors, depthwise_silu, ss2d_norm_gate, upsample2_norm_project
from cipa.ops.backend import is_fused_on_cpu, use_backend
from cipa.ops.fused.scaled_branch import ScaledBranch

WIDTHS = [16, 24, 33, 48]
"""Whole vectors, one and a half, two and one channel, three."""


def draw(*shapes):
    make = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=make) for shape in shapes]


def require_same(function, *arguments):
    expected = function(*arguments)
    with torch.no_grad():
        found = function(*arguments)
    for one, other in zip(
        *((part if isinstance(part, tuple) else (part,)) for part in (found, expected)), strict=True
    ):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-6 * float(other.detach().abs().max()))


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("kind", ["alone", "branch", "skip", "scaled"])
def test_sum_and_norm(width, kind):
    x, branch, skip, weight, bias, factors = draw(
        (2, 5, 7, width), (2, 5, 7, width), (width,), (width,), (width,), (2, 1, 1, width)
    )
    scaled = ScaledBranch(branch, bias, factors.sigmoid())
    parts = {
        "alone": (None, None),
        "branch": (branch, None),
        "skip": (branch, skip),
        "scaled": (scaled, skip),
    }
    require_same(add_norm, x + 3, *parts[kind], weight, bias)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(("height", "columns"), [(5, 7), (1, 1), (1, 3), (4, 1)])
def test_convolution_and_silu(width, height, columns):
    require_same(depthwise_silu, *draw((2, height, columns, width), (width, 1, 3, 3), (width,)))


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize(("height", "columns"), [(5, 9), (1, 1), (2, 16)])
def test_doubling_norm_and_projection(width, height, columns):
    require_same(upsample2_norm_project, *draw((2, height, columns, width), (width,), (width,), (1, width)))


@pytest.mark.parametrize("width", WIDTHS)
def test_means_and_maxima(width):
    require_same(channel_factors, *draw((3, 5, 7, width), (2, width), (width, 2), (width,)))


@pytest.mark.parametrize("width", WIDTHS)
def test_scan_norm_and_gate(width):
    x, gate, projection, dt_weight, dt_bias, weight, bias = draw(
        (2, 5, 7, width), (2, 5, 7, width), (2, 5, 7, 4, 10), (4, width, 2), (4, width), (width,), (width,)
    )
    parameters = dt_weight, dt_bias, torch.zeros(4, width, 4), torch.ones(4, width)
    require_same(lambda: ss2d_norm_gate(x, projection, *parameters, 200 * gate, weight, bias))


def test_strided_maps_are_read_in_their_order():
    x, weight, bias = draw((2, 24, 5, 7), (24, 1, 3, 3), (24,))
    require_same(depthwise_silu, x.permute(0, 2, 3, 1), weight, bias)
    require_same(add_norm, x.permute(0, 2, 3, 1), None, None, bias, bias)


def test_a_value_that_is_no_number_stays_one():
    x, weight, bias = draw((1, 4, 4, 24), (24,), (24,))
    x[0, 1, 2, 20] = float("nan")
    with torch.no_grad():
        assert add_norm(x, None, None, weight, bias)[1].isnan().sum() == 24
        assert upsample2_norm_project(x, weight, bias, weight[None]).isnan().any()
        assert depthwise_silu(x, weight.view(24, 1, 1, 1).repeat(1, 1, 3, 3), bias).isnan().sum() == 9
        assert channel_factors(x, weight[None], weight[:, None]).isnan().all()


def test_several_threads_give_the_same():
    before = torch.get_num_threads()
    x, weight, bias = draw((3, 9, 7, 24), (24,), (24,))
    found = []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            with torch.no_grad():
                found.append(add_norm(x, x, None, weight, bias)[1])
    finally:
        torch.set_num_threads(before)
    assert torch.equal(*found)


def test_what_has_no_fused_pass_takes_pytorchs_operations():
    (x,) = draw((1, 2, 2, 24))
    assert not is_fused_on_cpu(x)
    with torch.no_grad():
        assert is_fused_on_cpu(x)
        assert not is_fused_on_cpu(x.double())
        assert not is_fused_on_cpu(x.bfloat16())
        assert not is_fused_on_cpu(x[..., :15])
        with use_backend("reference"):
            assert not is_fused_on_cpu(x)
        with torch.autocast("cpu", torch.bfloat16):
            assert not is_fused_on_cpu(x)


def test_a_recorded_pass_holds_pytorchs_operations():
    class Norm(torch.nn.Module):
        def forward(self, x):
            return add_norm(x, None, None, x[0, 0, 0], x[0, 0, 1])[1]

    with torch.no_grad():
        program = torch.export.export(Norm(), tuple(draw((1, 2, 2, 24))))
    assert "layer_norm" in program.graph_module.code
