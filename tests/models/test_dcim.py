import pytest
import torch

from cipa.models.dcim import DCIM, cut_windows, join_windows


def test_windows_are_row_major_inside_and_across():
    rows, columns = torch.meshgrid(torch.arange(8), torch.arange(12), indexing="ij")
    windows = cut_windows(torch.stack([rows, columns], -1)[None])
    assert windows.shape == (6, 4, 4, 2)
    assert windows[1, 2, 3].tolist() == [2, 7]
    assert windows[3, 0, 0].tolist() == [4, 0]


def test_joining_undoes_cutting():
    x = torch.randn(2, 8, 12, 5)
    assert torch.equal(join_windows(cut_windows(x), 2, 2, 3), x)


def test_region_tokens_carry_pet_everywhere_and_local_tokens_ct_nearby():
    torch.manual_seed(0)
    layer = DCIM(16).eval()
    ct = torch.randn(1, 16, 16, 16, requires_grad=True)
    pet = torch.randn(1, 16, 16, 16, requires_grad=True)
    layer(ct, pet)[0, 1, 1].sum().backward()
    assert (ct.grad[0].abs().amax(-1) > 0).nonzero().amax() < 4 + 2  # its window and two convolutions
    assert (pet.grad[0, 12:, 12:].abs() > 0).any()


@pytest.mark.parametrize("width", [8, 16, 24])
def test_narrow_widths_keep_at_least_one_channel(width):
    assert DCIM(width)(torch.randn(2, 8, 8, width), torch.randn(2, 8, 8, width)).shape == (2, 8, 8, width)
