import pytest
import torch
import torch.nn.functional as F

from cipa.ops import ss2d_norm_gate, use_backend
from cipa.ops.scan.ss2d_reference import ss2d_reference
from op_inputs import gradients, relative_error, ss2d_inputs


def draw(dtype=torch.float32, **shape):
    """Return the inputs of the scan, then gate, norm_weight and norm_bias."""
    scan = ss2d_inputs(**shape, dtype=dtype)
    make = torch.Generator().manual_seed(1)
    channels = scan[0].shape[-1]
    rest = [torch.randn(size, generator=make, dtype=dtype) for size in (scan[0].shape, channels, channels)]
    return [*scan, *rest]


def by_parts(*inputs, directions=(0, 1, 2, 3)):
    *scan, gate, weight, bias = inputs
    y = F.layer_norm(ss2d_reference(*scan, directions), weight.shape, weight, bias)
    return y * gate * torch.sigmoid(gate)


def test_the_cpu_form_and_every_gradient_equal_the_parts_in_float64():
    inputs = draw(height=3, width=4)
    upstream = torch.randn(inputs[0].shape, generator=torch.Generator().manual_seed(2))
    wide = [tensor.double() for tensor in inputs]
    truth, expected = gradients(by_parts, wide, upstream)
    with use_backend("cpu"):
        output, found = gradients(ss2d_norm_gate, inputs, upstream)
    assert relative_error(output, truth) < 2e-6
    for place, (result, reference) in enumerate(zip(found, expected, strict=True)):
        assert relative_error(result, reference) < 5e-6, f"gradient of argument {place}"


def test_the_reference_form_is_the_parts():
    inputs = draw(torch.float64, height=2, width=3, directions=2)
    torch.testing.assert_close(
        ss2d_norm_gate(*inputs, directions=(2, 1)), by_parts(*inputs, directions=(2, 1))
    )


def test_every_gradient_of_the_reference_form_is_the_finite_difference():
    inputs = draw(torch.float64, batch=1, height=2, width=2, channels=3, states=2, rank=1)
    assert torch.autograd.gradcheck(ss2d_norm_gate, [tensor.requires_grad_() for tensor in inputs])


def test_a_shape_that_does_not_fit_is_named():
    inputs = draw()
    inputs[3] = inputs[3][:, :-1]
    with pytest.raises(ValueError, match="dt_bias is"):
        ss2d_norm_gate(*inputs)
