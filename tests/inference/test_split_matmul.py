import pytest
import torch
import torch.nn.functional as F

import cipa
from cipa.inference import split_matmul
from cipa.inference.folding import fold_model
from cipa.inference.split_matmul import SplitMatmul


@pytest.fixture
def model():
    torch.manual_seed(0)
    return fold_model(cipa.create_model("nano", image_size=128).eval(), torch.float32)


@pytest.fixture
def launches(monkeypatch):
    """Let the mode believe in a GPU and note what it sends there; PyTorch multiplies."""
    seen = []

    def multiply(self, x, weight, bias, stride=1):
        seen.append(tuple(weight.shape))
        with torch._C.DisableTorchFunction():
            if weight.dim() == 2:
                return F.linear(x, weight, bias)
            first = x.permute(0, 3, 1, 2)
            return F.conv2d(first, weight, bias, stride=stride, padding=1).permute(0, 2, 3, 1)

    monkeypatch.setattr(split_matmul, "backend_for", lambda x: "triton")
    monkeypatch.setattr(SplitMatmul, "_multiply", multiply)
    return seen


def test_linear_layers_and_plain_convolutions_are_taken_and_the_logits_stay(model, launches):
    pair = torch.randn(2, 1, 1, 128, 128)
    with torch.inference_mode():
        expected = model(*pair)
        assert not launches
        with SplitMatmul(model):
            found = model(*pair)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    assert {len(shape) for shape in launches} == {2, 4}
    assert all(24 <= shape[1] <= 2048 and shape[1] % 8 == 0 for shape in launches)
    scan = model.encoder.stages[1].blocks[0].ss2d.scan.x_proj
    assert tuple(scan.flatten(0, 1).shape) in launches


def test_a_weight_that_is_no_parameter_is_left_alone(model, launches):
    x = torch.randn(5, 32)
    with SplitMatmul(model):
        F.linear(x, torch.randn(16, 32))
        F.conv2d(x.view(1, 32, 5, 1), torch.randn(16, 32, 3, 3), padding=1)
    assert not launches


def test_on_a_cpu_nothing_is_taken(model):
    x = torch.randn(5, 32)
    weight = model.encoder.stages[1].blocks[0].ss2d.in_proj.weight
    with SplitMatmul(model):
        assert torch.equal(F.linear(x, weight), x @ weight.T)
