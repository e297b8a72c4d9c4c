import pytest
import torch
import torch.nn.functional as F

from cipa.ops import embed_norm


def draw(*shapes):
    make = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=make, dtype=torch.float64) for shape in shapes]


def test_patches_are_convolved_without_overlap_and_normalised():
    image, kernel, bias, weight, norm_bias = draw((2, 1, 8, 12), (5, 1, 4, 4), (5,), (5,), (5,))
    found = embed_norm(image, kernel, bias, weight, norm_bias)
    assert found.shape == (2, 2, 3, 5)
    values = F.conv2d(image, kernel, bias, stride=4)[1, :, 1, 2]
    expected = (values - values.mean()) / (values.var(correction=0) + 1e-5).sqrt() * weight + norm_bias
    torch.testing.assert_close(found[1, 1, 2], expected)


def test_three_planes_are_convolved_as_one_image():
    image, kernel, bias, weight, norm_bias = draw((2, 3, 8, 12), (5, 3, 4, 4), (5,), (5,), (5,))
    found = embed_norm(image, kernel, bias, weight, norm_bias)
    values = F.conv2d(image, kernel, bias, stride=4).permute(0, 2, 3, 1)
    torch.testing.assert_close(found, F.layer_norm(values, (5,), weight, norm_bias))


def test_every_gradient_is_the_finite_difference():
    inputs = draw((1, 1, 4, 8), (3, 1, 4, 4), (3,), (3,), (3,))
    assert torch.autograd.gradcheck(embed_norm, [tensor.requires_grad_() for tensor in inputs])


@pytest.mark.parametrize(("place", "name"), [(1, "kernel"), (2, "bias"), (4, "norm_bias")])
def test_what_does_not_fit_is_named(place, name):
    inputs = draw((1, 1, 4, 8), (3, 1, 4, 4), (3,), (3,), (3,))
    inputs[place] = inputs[place][..., :-1]
    with pytest.raises(ValueError, match=f"embed_norm: {name} is"):
        embed_norm(*inputs)
