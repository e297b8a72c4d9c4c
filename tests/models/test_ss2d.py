import torch

from cipa.models.ss2d import SS1D, SS2D


def test_ss1d_hears_only_earlier_tokens():
    torch.manual_seed(0)
    layer = SS1D(16, 4)
    tokens = torch.randn(1, 12, 16)
    changed = tokens.clone()
    changed[:, 7] += 1
    moved = (layer(changed) - layer(tokens)).abs().amax(-1)[0]
    assert (moved[:7] == 0).all()
    assert (moved[7:] > 0).all()


def test_ss2d_hears_every_pixel():
    torch.manual_seed(0)
    layer = SS2D(16, 4).eval()
    x = torch.randn(1, 6, 9, 16, requires_grad=True)
    layer(x)[0, 2, 3].sum().backward()
    assert (x.grad.abs().amax(-1) > 0).all()


def test_ss2d_treats_samples_apart():
    torch.manual_seed(0)
    layer = SS2D(16, 4)
    x = torch.randn(3, 4, 4, 16)
    assert torch.allclose(layer(x)[1:2], layer(x[1:2]), atol=1e-6)
