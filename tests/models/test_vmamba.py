import torch
import torch.nn.functional as F

from cipa.models.vmamba import Downsample, PatchEmbedding, VMamba


def test_grey_embedding_is_the_three_channel_convolution():
    torch.manual_seed(0)
    layer = PatchEmbedding(8)
    grey = torch.randn(2, 1, 12, 20)
    published = F.conv2d(grey.expand(-1, 3, -1, -1), layer.projection.weight, layer.projection.bias, stride=4)
    assert torch.allclose(layer(grey), layer.norm(published.permute(0, 2, 3, 1)), atol=1e-5)


def test_three_equal_slices_are_embedded_as_the_published_grey_one():
    torch.manual_seed(0)
    three = PatchEmbedding(8, slices=3)
    one = PatchEmbedding(8)
    one.load_state_dict(three.state_dict())
    grey = torch.randn(2, 1, 12, 20)
    assert torch.allclose(three(grey.expand(-1, 3, -1, -1)), one(grey), atol=1e-5)


def test_neighbours_merge_column_by_column():
    layer = Downsample(4)
    x = torch.randn(1, 4, 6, 4)
    corner = torch.cat([x[0, 2, 4], x[0, 3, 4], x[0, 2, 5], x[0, 3, 5]])
    assert torch.allclose(layer(x)[0, 1, 2], layer.reduction(layer.norm(corner)), atol=1e-6)


def test_odd_sides_are_padded_at_the_bottom_and_the_right():
    layer = Downsample(4)
    x = torch.randn(1, 3, 5, 4)
    padded = torch.zeros(1, 4, 6, 4)
    padded[:, :3, :5] = x
    assert torch.equal(layer(x), layer(padded))


def test_features_halve_and_widen():
    features = VMamba(8, (1, 1, 1, 1))(torch.randn(2, 1, 64, 96))
    assert [tuple(f.shape) for f in features] == [
        (2, 16, 24, 8),
        (2, 8, 12, 16),
        (2, 4, 6, 32),
        (2, 2, 3, 64),
    ]


def test_drop_rates_rise_over_all_blocks():
    encoder = VMamba(8, (1, 1, 2, 1), drop_path=0.4)
    rates = [block.drop_path.rate for stage in encoder.stages for block in stage.blocks]
    assert torch.allclose(torch.tensor(rates), torch.tensor([0, 0.1, 0.2, 0.3, 0.4]))
