import torch
import torch.nn.functional as F

from cipa.ops import depthwise_silu


def draw(*shapes, dtype=torch.float32):
    make = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=make, dtype=torch.float64).to(dtype) for shape in shapes]


def test_channels_are_kept_apart():
    x, weight, bias = draw((2, 5, 6, 4), (4, 1, 3, 3), (4,))
    one_by_one = [
        F.silu(F.conv2d(x[..., c].unsqueeze(1), weight[c : c + 1], bias[c : c + 1], padding=1))[:, 0]
        for c in range(4)
    ]
    assert torch.allclose(depthwise_silu(x, weight, bias), torch.stack(one_by_one, -1), atol=1e-5)


def test_a_pixel_hears_its_eight_neighbours_and_zeros_beyond_the_border():
    x, weight, bias = draw((1, 4, 5, 1), (1, 1, 3, 3), (1,), dtype=torch.float64)
    padded = F.pad(x[0, :, :, 0], (1, 1, 1, 1))
    for row, column in [(0, 0), (3, 4), (1, 2)]:
        total = (padded[row : row + 3, column : column + 3] * weight[0, 0]).sum() + bias[0]
        torch.testing.assert_close(
            depthwise_silu(x, weight, bias)[0, row, column, 0], total / (1 + torch.exp(-total))
        )


def test_every_gradient_is_the_finite_difference():
    inputs = draw((2, 3, 4, 3), (3, 1, 3, 3), (3,), dtype=torch.float64)
    assert torch.autograd.gradcheck(depthwise_silu, [tensor.requires_grad_() for tensor in inputs])


def test_a_strided_map_gives_the_same():
    x, weight, bias = draw((2, 5, 6, 4), (4, 1, 3, 3), (4,))
    strided = x.permute(0, 3, 1, 2).contiguous().permute(0, 2, 3, 1)
    torch.testing.assert_close(depthwise_silu(strided, weight, bias), depthwise_silu(x, weight, bias))
