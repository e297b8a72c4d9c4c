import pytest
import torch
import torch.nn.functional as F

from cipa.models.layers import Conv2d, DropPath, drop_path_rates, initialise_linear_layers


def test_convolution_is_channel_last_and_copies_nothing_out():
    layer = Conv2d(3, 8, 3, padding=1)
    x = torch.randn(2, 5, 7, 3)
    expected = F.conv2d(x.permute(0, 3, 1, 2).contiguous(), layer.weight, layer.bias, padding=1)
    assert torch.allclose(layer(x), expected.permute(0, 2, 3, 1), atol=1e-6)
    assert layer(x).is_contiguous()


def test_drop_path_drops_whole_samples_and_keeps_the_mean():
    torch.manual_seed(0)
    out = DropPath(0.25).train()(torch.ones(4000, 2, 3))
    assert out.unique().tolist() == pytest.approx([0, 1 / 0.75])
    assert (out.flatten(1).std(1) == 0).all()
    assert out.mean().item() == pytest.approx(1, abs=0.05)


def test_drop_path_does_nothing_in_eval_mode():
    x = torch.randn(4, 3)
    assert DropPath(0.9).eval()(x) is x


def test_rates_rise_evenly_from_zero():
    assert drop_path_rates(0.3, 4) == pytest.approx([0, 0.1, 0.2, 0.3])
    assert drop_path_rates(0.3, 1) == [0]


def test_linear_layers_start_at_std_002_without_bias():
    model = torch.nn.Sequential(torch.nn.Linear(300, 300))
    initialise_linear_layers(model)
    assert model[0].weight.std().item() == pytest.approx(0.02, rel=0.02)
    assert (model[0].bias == 0).all()
