import pytest
import torch

from cipa.ops import add_windows, window_norm
from cipa.ops.fused.windows import cut_windows, join_windows


def draw(*shapes):
    make = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=make, dtype=torch.float64) for shape in shapes]


def test_windows_are_row_major_inside_and_across():
    rows, columns = torch.meshgrid(torch.arange(8), torch.arange(12), indexing="ij")
    windows = cut_windows(torch.stack([rows, columns], -1)[None], 4)
    assert windows.shape == (6, 4, 4, 2)
    assert windows[1, 2, 3].tolist() == [2, 7]
    assert windows[3, 0, 0].tolist() == [4, 0]


def test_joining_undoes_cutting():
    x = torch.randn(2, 8, 12, 5)
    assert torch.equal(join_windows(cut_windows(x, 4), 2, 2, 3), x)


def test_a_window_is_normalised_over_all_its_values():
    x, weight, bias = draw((1, 4, 8, 3), (48,), (48,))
    windows = window_norm(x, 4, weight, bias)
    values = x[0, :, 4:].flatten()
    expected = (values - values.mean()) / (values.var(correction=0) + 1e-5).sqrt() * weight + bias
    torch.testing.assert_close(windows[1].flatten(), expected)


def test_windows_and_regions_come_back_to_their_pixels():
    x, y, z, whole, regions = draw(*[(2, 8, 12, 5)] * 4, (2, 2, 3, 5))
    found = add_windows(x, y, z, cut_windows(whole, 4), regions)
    wide = regions.repeat_interleave(4, 1).repeat_interleave(4, 2)
    torch.testing.assert_close(found, x + y + z + whole + wide)


def test_every_gradient_is_the_finite_difference():
    x, weight, bias = (tensor.requires_grad_() for tensor in draw((1, 2, 4, 3), (12,), (12,)))
    assert torch.autograd.gradcheck(lambda *a: window_norm(a[0], 2, *a[1:]), [x, weight, bias])
    inputs = draw(*[(1, 2, 4, 3)] * 3, (2, 2, 2, 3), (1, 1, 2, 3))
    assert torch.autograd.gradcheck(add_windows, [tensor.requires_grad_() for tensor in inputs])


@pytest.mark.parametrize(("place", "name"), [(0, "x"), (2, "z"), (3, "windows")])
def test_what_does_not_fit_is_named(place, name):
    inputs = draw(*[(1, 2, 4, 3)] * 3, (2, 2, 2, 3), (1, 1, 2, 3))
    inputs[place] = inputs[place][..., :-1]
    with pytest.raises(ValueError, match=f"add_windows: {name} is"):
        add_windows(*inputs)


def test_a_map_without_whole_windows_is_named():
    with pytest.raises(ValueError, match="a map of 8 x 6"):
        window_norm(torch.zeros(1, 8, 6, 3), 4, torch.zeros(48), torch.zeros(48))
