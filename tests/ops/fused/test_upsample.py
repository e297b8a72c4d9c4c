import torch
import torch.nn.functional as F

from cipa.ops import upsample2, upsample2_norm_project


def draw(*shapes):
    make = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=make, dtype=torch.float64) for shape in shapes]


def test_both_sides_double_and_a_plane_stays_one():
    rows = torch.arange(4.0)[None, :, None, None].expand(1, 4, 4, 2)
    doubled = upsample2(rows)
    assert doubled.shape == (1, 8, 8, 2)
    assert doubled[0, :, 0, 0].tolist() == [0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3]


def test_rows_and_columns_are_treated_alike():
    (x,) = draw((1, 3, 5, 2))
    torch.testing.assert_close(upsample2(x.transpose(1, 2)), upsample2(x).transpose(1, 2))


def test_one_pixel_becomes_four_of_its_value():
    (x,) = draw((2, 1, 1, 3))
    torch.testing.assert_close(upsample2(x), x.expand(2, 2, 2, 3))


def test_the_gradient_is_the_finite_difference():
    (x,) = draw((1, 3, 2, 2))
    assert torch.autograd.gradcheck(upsample2, [x.requires_grad_()])


def test_doubling_norm_and_projection_are_the_three_in_turn():
    x, weight, bias, projection = draw((2, 3, 4, 6), (6,), (6,), (2, 6))
    expected = F.layer_norm(upsample2(x), (6,), weight, bias) @ projection.t()
    found = upsample2_norm_project(x, weight, bias, projection)
    assert found.shape == (2, 6, 8, 2)
    torch.testing.assert_close(found, expected)


def test_every_gradient_of_the_projected_logits_is_the_finite_difference():
    inputs = draw((1, 2, 3, 5), (5,), (5,), (2, 5))
    assert torch.autograd.gradcheck(upsample2_norm_project, [tensor.requires_grad_() for tensor in inputs])
