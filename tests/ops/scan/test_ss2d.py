import numpy as np
import pytest
import torch

from cipa.ops import ss2d, use_backend
from cipa.ops.scan.ss2d import ss2d_forward
from cipa.ops.scan.ss2d_reference import scan_order, ss2d_reference
from op_inputs import SS2D_SHAPES, gradients, relative_error, ss2d_inputs


def by_hand(x, projection, dt_weight, dt_bias, A_logs, Ds):
    """The recurrence for one image, in NumPy loops over everything: what the reference itself must equal."""
    height, width, channels = x.shape
    rank, states = dt_weight.shape[-1], A_logs.shape[-1]
    y = np.zeros_like(x)
    raster = [(row, column) for row in range(height) for column in range(width)]
    by_column = [(row, column) for column in range(width) for row in range(height)]
    for k, path in enumerate([raster, by_column, raster[::-1], by_column[::-1]]):
        state = np.zeros((channels, states))
        for row, column in path:
            low, b, c = np.split(projection[row, column, k], [rank, rank + states])
            for d in range(channels):
                delta = np.logaddexp(0, dt_weight[k, d] @ low + dt_bias[k, d])
                u = x[row, column, d]
                state[d] = np.exp(-np.exp(A_logs[k, d]) * delta) * state[d] + delta * b * u
                y[row, column, d] += c @ state[d] + Ds[k, d] * u
    return y


def test_the_reference_is_the_recurrence():
    inputs = ss2d_inputs(batch=1, height=3, width=4, channels=2, states=3, rank=2, dtype=torch.float64)
    expected = by_hand(inputs[0][0].numpy(), inputs[1][0].numpy(), *(tensor.numpy() for tensor in inputs[2:]))
    np.testing.assert_allclose(ss2d_reference(*inputs)[0].numpy(), expected, rtol=1e-12)


def test_the_reference_gradient_is_the_finite_difference():
    inputs = ss2d_inputs(batch=1, height=2, width=3, channels=2, states=2, rank=1, dtype=torch.float64)
    assert torch.autograd.gradcheck(ss2d_reference, [tensor.requires_grad_() for tensor in inputs])


@pytest.mark.parametrize("shape", SS2D_SHAPES.values(), ids=SS2D_SHAPES.keys())
def test_the_cpu_kernel_and_every_gradient_equal_the_float64_reference(shape):
    inputs = ss2d_inputs(**shape)
    directions = tuple(range(shape.get("directions", 4)))
    upstream = torch.randn(inputs[0].shape, generator=torch.Generator().manual_seed(1))
    truth, expected = gradients(
        lambda *a: ss2d_reference(*a, directions), [tensor.double() for tensor in inputs], upstream
    )
    with use_backend("cpu"):
        output, found = gradients(lambda *a: ss2d(*a, directions), inputs, upstream)
    assert relative_error(output, truth) < 2e-6
    for name, result, reference in zip(
        ["x", "projection", "dt_weight", "dt_bias", "A_logs", "Ds"], found, expected, strict=True
    ):
        assert relative_error(result, reference) < 5e-6, name


def test_inputs_need_not_be_contiguous():
    x, projection, *parameters = ss2d_inputs()
    strided = x.permute(0, 3, 1, 2).contiguous().permute(0, 2, 3, 1)
    assert not strided.is_contiguous()
    sliced = torch.cat([projection, projection], dim=-1)[..., : projection.shape[-1]]
    torch.testing.assert_close(
        ss2d(strided, sliced, *parameters), ss2d(x, projection, *parameters), rtol=0, atol=0
    )


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_narrow_inputs_keep_a_float32_state(dtype):
    inputs = ss2d_inputs(height=16, width=16)
    narrow = [tensor.to(dtype) for tensor in inputs]
    truth = ss2d_reference(*(tensor.double() for tensor in narrow))
    output = ss2d(*narrow)
    assert output.dtype == dtype
    assert relative_error(output, truth) < 4e-3  # one rounding of the output


def test_large_and_tiny_steps_stay_finite_and_right():
    x, projection, dt_weight, dt_bias, A_logs, Ds = ss2d_inputs(height=16, width=16)
    dt_bias = dt_bias + torch.linspace(-60, 60, dt_bias.numel()).view_as(dt_bias)
    inputs = (x, projection, dt_weight, dt_bias, A_logs, Ds)
    truth, expected = gradients(ss2d_reference, [tensor.double() for tensor in inputs], torch.ones_like(x))
    output, found = gradients(ss2d, inputs, torch.ones_like(x))
    assert relative_error(output, truth) < 5e-6
    for result, reference in zip(found, expected, strict=True):
        assert relative_error(result, reference) < 1e-5


def test_a_nan_is_not_hidden():
    x, *rest = ss2d_inputs(batch=2)
    x[0, 1, 1, 3] = torch.nan
    y = ss2d(x, *rest)
    assert y[0, :, :, 3].isnan().any()
    assert y[1].isfinite().all()


@pytest.mark.parametrize("threads", [1, 2])
def test_results_do_not_depend_on_the_run_or_the_images_beside(threads):
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        inputs = ss2d_inputs(batch=3, channels=48)
        upstream = torch.ones_like(inputs[0])
        first, gradient = gradients(ss2d, inputs, upstream)
        again, same = gradients(ss2d, inputs, upstream)
        assert torch.equal(first, again)
        assert all(torch.equal(a, b) for a, b in zip(gradient, same, strict=True))
        alone = ss2d(inputs[0][1:2], inputs[1][1:2], *inputs[2:])
        assert torch.equal(alone, first[1:2])
    finally:
        torch.set_num_threads(before)


def test_the_custom_op_keeps_pytorchs_rules():
    inputs = [tensor.requires_grad_() for tensor in ss2d_inputs()]
    torch.library.opcheck(ss2d_forward, (*inputs, [0, 1, 2, 3], True, "cpu"))


def test_the_flop_counter_sees_the_scan():
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        ss2d(*ss2d_inputs(batch=2, height=5, width=7, channels=24, states=5, rank=3))
    assert counter.get_total_flops() == 2 * 5 * 7 * 4 * 24 * (6 * 5 + 2 * 3)


def test_scan_order_visits_rows_then_columns_and_back():
    assert scan_order(0, 2, 3).tolist() == [0, 1, 2, 3, 4, 5]
    assert scan_order(1, 2, 3).tolist() == [0, 3, 1, 4, 2, 5]
    assert scan_order(2, 2, 3).tolist() == [5, 4, 3, 2, 1, 0]
    assert scan_order(3, 2, 3).tolist() == [5, 2, 4, 1, 3, 0]


@pytest.mark.parametrize("place", range(1, 6))
def test_a_shape_that_does_not_fit_is_named(place):
    inputs = list(ss2d_inputs())
    name = ["x", "projection", "dt_weight", "dt_bias", "A_logs", "Ds"][place]
    inputs[place] = inputs[place][:, :-1]
    with pytest.raises(ValueError, match=f"ss2d: {name} is"):
        ss2d(*inputs)


def test_an_unknown_direction_is_refused():
    with pytest.raises(ValueError, match="directions"):
        ss2d(*ss2d_inputs(directions=1), directions=(4,))
