import pytest
import torch

from cipa.ops import selective_scan, use_backend
from cipa.ops.scan.selective_scan import selective_scan_forward
from cipa.ops.scan.selective_scan_reference import selective_scan_reference
from op_inputs import gradients, relative_error, sequence_inputs

SHAPES = {
    "one position": {"batch": 1, "length": 1},
    "odd length": {"length": 131},
    "exactly two chunks": {"length": 128, "channels": 16, "states": 4},
    "one state": {"states": 1},
    "channels above sixteen": {"channels": 56, "states": 16},
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_the_cpu_kernel_and_every_gradient_equal_the_float64_reference(shape):
    inputs = sequence_inputs(**shape)
    upstream = torch.randn(inputs[0].shape, generator=torch.Generator().manual_seed(1))
    truth, expected = gradients(selective_scan_reference, [tensor.double() for tensor in inputs], upstream)
    with use_backend("cpu"):
        output, found = gradients(selective_scan, inputs, upstream)
    assert relative_error(output, truth) < 2e-6
    for name, result, reference in zip(
        ["u", "dt", "A_logs", "B", "C", "D", "dt_bias"], found, expected, strict=True
    ):
        assert relative_error(result, reference) < 5e-6, name


def test_a_constant_drive_decays_as_the_closed_form():
    length, delta = 10, 0.5
    bias = torch.log(torch.expm1(torch.tensor([delta], dtype=torch.float64)))
    one = torch.ones(1, length, 1, dtype=torch.float64)
    y = selective_scan(one, torch.zeros_like(one), torch.zeros(1, 1), one, one, torch.zeros(1), bias)
    decay = torch.exp(torch.tensor(-delta, dtype=torch.float64))
    expected = delta * (1 - decay ** torch.arange(1, length + 1)) / (1 - decay)
    torch.testing.assert_close(y[0, :, 0], expected)


def test_the_custom_op_keeps_pytorchs_rules():
    inputs = [tensor.requires_grad_() for tensor in sequence_inputs(length=5)]
    torch.library.opcheck(selective_scan_forward, (*inputs, True, "cpu"))


def test_a_shape_that_does_not_fit_is_named():
    inputs = list(sequence_inputs())
    inputs[4] = inputs[4][:, :-1]
    with pytest.raises(ValueError, match="selective_scan: C is"):
        selective_scan(*inputs)
