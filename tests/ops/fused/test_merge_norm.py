import pytest
import torch

from cipa.ops import merge_norm


def draw(*shapes):
    make = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=make, dtype=torch.float64) for shape in shapes]


def by_hand(values, weight, bias):
    return (values - values.mean()) / (values.var(correction=0) + 1e-5).sqrt() * weight + bias


def test_neighbours_are_joined_column_by_column_and_normalised():
    x, weight, bias = draw((2, 4, 6, 3), (12,), (12,))
    merged = merge_norm(x, weight, bias)
    assert merged.shape == (2, 2, 3, 12)
    values = torch.cat([x[1, 2, 4], x[1, 3, 4], x[1, 2, 5], x[1, 3, 5]])
    torch.testing.assert_close(merged[1, 1, 2], by_hand(values, weight, bias))


def test_odd_sides_meet_zeros_that_count():
    x, weight, bias = draw((1, 3, 5, 2), (8,), (8,))
    merged = merge_norm(x, weight, bias)
    assert merged.shape == (1, 2, 3, 8)
    values = torch.cat([x[0, 2, 4], torch.zeros(6).double()])
    torch.testing.assert_close(merged[0, 1, 2], by_hand(values, weight, bias))


def test_every_gradient_is_the_finite_difference():
    inputs = draw((1, 3, 2, 2), (8,), (8,))
    assert torch.autograd.gradcheck(merge_norm, [tensor.requires_grad_() for tensor in inputs])


def test_a_weight_that_does_not_fit_is_named():
    with pytest.raises(ValueError, match=r"merge_norm: weight is \(3,\)"):
        merge_norm(torch.zeros(1, 2, 2, 3), torch.zeros(3), torch.zeros(12))
