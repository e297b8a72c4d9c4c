import pytest
import torch
import torch.nn.functional as F

from cipa.models.checkpoints.resample import resample_crm, resample_gain, resample_sum


@pytest.mark.parametrize("side", [8, 24, 32, 64])
def test_sums_over_pixels_are_kept(side):
    rows = torch.randn(5, 32 * 32)
    assert torch.allclose(resample_sum(rows, side).sum(1), rows.sum(1), atol=1e-3)


@pytest.mark.parametrize("side", [16, 64])
def test_a_smooth_map_gives_the_same_response_at_another_size(side):
    def smooth(size):
        places = (torch.arange(size) + 0.5) / size
        return torch.sin(3 * places)[:, None] * torch.cos(2 * places)[None]

    rows = smooth(32).flatten()[None]
    response = (resample_sum(rows, side) @ smooth(side).flatten()).item()
    assert response == pytest.approx((rows @ smooth(32).flatten()).item(), rel=0.01)


def test_a_larger_map_gives_the_response_of_its_reduction():
    rows, image = torch.randn(3, 16 * 16), torch.randn(1, 1, 32, 32)
    reduced = F.interpolate(image, size=(16, 16), mode="bilinear", antialias=True)
    assert torch.allclose(resample_sum(rows, 32) @ image.flatten(), rows @ reduced.flatten(), atol=1e-3)


@pytest.mark.parametrize("side", [8, 32])
def test_gains_stay_gains(side):
    assert torch.allclose(resample_gain(torch.full((16 * 16,), 1.5), side), torch.tensor(1.5))
    assert resample_gain(torch.randn(16 * 16), side).shape == (side * side,)


def test_the_same_grid_changes_nothing():
    rows = torch.randn(3, 16 * 16)
    assert torch.allclose(resample_sum(rows, 16), rows, atol=1e-6)
    assert torch.allclose(resample_gain(rows[0], 16), rows[0])


def test_only_the_maps_of_the_crm_change(nano):
    before = nano.state_dict()
    after = resample_crm(before, (64, 32, 16, 8))
    changed = {name for name in before if after[name] is not before[name]}
    assert changed == {name for name in before if ".map_norm." in name or name.endswith(".map_proj.weight")}
    assert after["crm.3.map_proj.weight"].shape == (16, 64)
