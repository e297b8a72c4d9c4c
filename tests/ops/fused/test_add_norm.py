import pytest
import torch

from cipa.ops import ScaledBranch, add_branch, add_norm


def draw(*shapes, dtype=torch.float64):
    make = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=make, dtype=dtype) for shape in shapes]


def by_hand(total, weight, bias, eps):
    centred = total - total.mean(-1, keepdim=True)
    return centred / (centred.square().mean(-1, keepdim=True) + eps).sqrt() * weight + bias


@pytest.mark.parametrize("eps", [1e-5, 0.1])
def test_the_sum_and_its_norm_are_the_definition(eps):
    x, branch, skip, weight, bias = draw((2, 3, 4, 6), (2, 3, 4, 6), (6,), (6,), (6,))
    for arguments, expected in [
        ((x, None, None), x),
        ((x, branch, None), x + branch),
        ((x, branch, skip), x * skip + branch),
    ]:
        total, out = add_norm(*arguments, weight, bias, eps)
        torch.testing.assert_close(total, expected)
        torch.testing.assert_close(out, by_hand(expected, weight, bias, eps))


def test_a_branch_may_come_with_a_bias_and_factors_to_be_worked_in():
    x, value, branch_bias, skip, weight, bias = draw((2, 3, 4, 6), (2, 3, 4, 6), (6,), (6,), (6,), (6,))
    (factors,) = draw((2, 1, 1, 6))
    branch = ScaledBranch(value, branch_bias, factors)
    expected = x * skip + (value + branch_bias) * factors
    total, out = add_norm(x, branch, skip, weight, bias)
    torch.testing.assert_close(total, expected)
    torch.testing.assert_close(out, by_hand(expected, weight, bias, 1e-5))
    torch.testing.assert_close(add_branch(x, branch, skip), expected)


@pytest.mark.parametrize(("place", "name"), [(0, "branch"), (1, "branch's bias"), (2, "branch's factors")])
def test_a_part_of_a_branch_that_does_not_fit_is_named(place, name):
    x, *parts = draw((2, 3, 4, 6), (2, 3, 4, 6), (6,), (2, 1, 1, 6))
    parts[place] = parts[place][..., :-1]
    with pytest.raises(ValueError, match=f"add_branch: {name} is"):
        add_branch(x, ScaledBranch(*parts), torch.ones(6))


def test_without_a_branch_the_stream_itself_comes_back():
    x, weight, bias = draw((2, 6), (6,), (6,))
    assert add_norm(x, None, None, weight, bias)[0] is x


def test_every_gradient_is_the_finite_difference():
    inputs = draw((2, 3, 5), (2, 3, 5), (5,), (5,), (5,))
    assert torch.autograd.gradcheck(add_norm, [tensor.requires_grad_() for tensor in inputs])


def test_tokens_and_maps_are_normalised_alike():
    x, weight, bias = draw((2, 12, 6), (6,), (6,))
    _, tokens = add_norm(x, x, None, weight, bias)
    _, pixels = add_norm(x.view(2, 3, 4, 6), x.view(2, 3, 4, 6), None, weight, bias)
    assert torch.equal(tokens.view(2, 3, 4, 6), pixels)
