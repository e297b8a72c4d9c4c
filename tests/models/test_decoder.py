import math

import pytest
import torch

from cipa.models.decoder import ChannelAttention, Decoder, Expand


@pytest.fixture(scope="module")
def decoder():
    torch.manual_seed(0)
    return Decoder(dim=48, num_classes=2)


def test_logits_have_four_times_the_finest_grid(decoder):
    fused = [torch.randn(1, 32 // 2**i, 48 // 2**i, 48 * 2**i) for i in range(4)]
    assert decoder(fused).shape == (1, 128, 192, 2)


def test_every_fused_map_reaches_the_logits(decoder):
    fused = [torch.randn(1, 32 // 2**i, 32 // 2**i, 48 * 2**i, requires_grad=True) for i in range(4)]
    decoder(fused).square().sum().backward()
    assert all(x.grad.abs().amax() > 0 for x in fused)


def test_drop_rates_take_their_slots_coarse_stages_drop_more(decoder):
    step = 0.1 / 15
    rates = [block.drop_path.rate for stage in decoder.stages for block in stage]
    assert rates == pytest.approx([step * slot for slot in (8, 9, 10, 11, 4, 5, 6, 7, 0, 1, 2, 3)])


def test_convolutions_start_kaiming_normal(decoder):
    for module in decoder.modules():
        if isinstance(module, torch.nn.Conv2d) and module.weight.numel() > 2000:
            fan_in = module.weight[0].numel()
            assert module.weight.std().item() == pytest.approx(math.sqrt(2 / fan_in), rel=0.08)


def test_expansion_puts_channels_in_row_column_order():
    layer = Expand(4)
    x = torch.randn(1, 2, 3, 4)
    channels = layer.linear(x)[0, 1, 2]
    assert torch.allclose(layer(x)[0, 3, 4], layer.norm(channels[4:6]), atol=1e-6)  # second row, first column


def test_channel_attention_is_a_factor_below_one_for_each_channel():
    x, bias = torch.rand(2, 3, 4, 60) + 1, torch.rand(60)
    factor = ChannelAttention(60)(x, bias)
    assert factor.shape == (2, 1, 1, 60)
    assert 0 < factor.min() < factor.max() < 1
