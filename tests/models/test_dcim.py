import pytest
import torch
from torch.nn.utils.fusion import fuse_conv_bn_eval

from cipa.models.dcim import DCIM, ConvBlock


def test_region_tokens_carry_pet_everywhere_and_local_tokens_ct_nearby():
    torch.manual_seed(0)
    layer = DCIM(16).eval()
    ct = torch.randn(1, 16, 16, 16, requires_grad=True)
    pet = torch.randn(1, 16, 16, 16, requires_grad=True)
    layer(ct, pet, (torch.zeros(1, 16, 16, 16),) * 2)[0, 1, 1].sum().backward()
    assert (ct.grad[0].abs().amax(-1) > 0).nonzero().amax() < 4 + 2  # its window and two convolutions
    assert (pet.grad[0, 12:, 12:].abs() > 0).any()


@pytest.mark.parametrize("width", [8, 16, 24])
def test_narrow_widths_keep_at_least_one_channel(width):
    ct, pet = torch.randn(2, 2, 8, 8, width)
    assert DCIM(width)(ct, pet, (ct, pet)).shape == (2, 8, 8, width)


def test_the_interaction_is_added_to_both_residual_maps():
    layer = DCIM(16).eval()
    ct, pet, one, other = torch.randn(4, 1, 8, 8, 16)
    alone = layer(ct, pet, (torch.zeros_like(ct), torch.zeros_like(ct)))
    torch.testing.assert_close(layer(ct, pet, (one, other)), one + other + alone)


def test_blocks_without_their_batch_norm_use_the_bias_they_are_left():
    layer = DCIM(16).eval()
    ct, pet = torch.randn(2, 1, 8, 8, 16)
    expected = layer(ct, pet, (ct, pet))
    for sequence in [module for module in layer.modules() if isinstance(module, ConvBlock)]:
        sequence[0] = fuse_conv_bn_eval(sequence[0], sequence[1])
        sequence[1] = torch.nn.Identity()
    torch.testing.assert_close(layer(ct, pet, (ct, pet)), expected)
