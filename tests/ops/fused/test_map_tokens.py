import pytest
import torch
import torch.nn.functional as F

from cipa.ops import amplify, map_tokens


def draw(*shapes):
    make = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=make, dtype=torch.float64) for shape in shapes]


def test_a_token_is_one_channels_whole_map():
    first, second, norm_weight, norm_bias, weight, bias = draw(
        (2, 3, 4, 5), (2, 3, 4, 5), (12,), (12,), (6, 12), (6,)
    )
    tokens = map_tokens(first, second, norm_weight, norm_bias, weight, bias)
    assert tokens.shape == (2, 10, 6)
    for token, channel in [(tokens[1, 2], first[1, ..., 2]), (tokens[0, 5 + 4], second[0, ..., 4])]:
        x = channel.flatten()
        normed = (x - x.mean()) / (x.var(correction=0) + 1e-5).sqrt() * norm_weight + norm_bias
        torch.testing.assert_close(token, F.gelu(weight @ normed + bias))


def test_a_norm_without_weights_only_standardises():
    first, second, weight, bias = draw((1, 3, 4, 5), (1, 3, 4, 5), (6, 12), (6,))
    plain = map_tokens(first, second, None, None, weight, bias)
    torch.testing.assert_close(
        plain, map_tokens(first, second, torch.ones(12).double(), torch.zeros(12).double(), weight, bias)
    )


def test_channels_are_amplified_by_one_to_two():
    first, second, logits = draw((2, 3, 4, 5), (2, 3, 4, 5), (2, 10))
    factors = 1 + 1 / (1 + torch.exp(-logits))
    larger_first, larger_second = amplify(first, second, logits)
    torch.testing.assert_close(larger_first, first * factors[:, None, None, :5])
    torch.testing.assert_close(larger_second, second * factors[:, None, None, 5:])


def test_every_gradient_is_the_finite_difference():
    maps = draw((1, 2, 3, 4), (1, 2, 3, 4))
    parameters = draw((6,), (6,), (3, 6), (3,))
    assert torch.autograd.gradcheck(map_tokens, [tensor.requires_grad_() for tensor in maps + parameters])
    (logits,) = draw((1, 8))
    assert torch.autograd.gradcheck(amplify, [tensor.requires_grad_() for tensor in [*maps, logits]])


@pytest.mark.parametrize(("place", "name"), [(1, "second"), (2, "norm_weight"), (4, "weight"), (5, "bias")])
def test_what_does_not_fit_is_named(place, name):
    inputs = draw((1, 3, 4, 5), (1, 3, 4, 5), (12,), (12,), (6, 12), (6,))
    inputs[place] = inputs[place][..., :-1]
    with pytest.raises(ValueError, match=f": {name} is"):
        map_tokens(*inputs)
