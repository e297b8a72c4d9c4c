import math

import pytest
import torch
import torch.nn.functional as F

from cipa.models.scan import SelectiveScan
from cipa.ops.scan.ss2d_reference import ss2d_reference


@pytest.fixture
def scan():
    torch.manual_seed(0)
    return SelectiveScan(512, 16, 16, (0, 1, 2, 3))


def test_steps_start_log_uniform_between_a_thousandth_and_a_tenth(scan):
    step = F.softplus(scan.dt_bias).detach()
    assert step.min() >= 1e-3 * 0.999
    assert step.max() <= 1e-1 * 1.001
    assert step.log().mean().item() == pytest.approx((math.log(1e-3) + math.log(1e-1)) / 2, abs=0.1)
    assert step.log().std().item() == pytest.approx(math.log(100) / math.sqrt(12), rel=0.05)


def test_decays_start_at_one_to_n_and_skips_at_one(scan):
    assert torch.allclose(scan.A_logs.exp(), torch.arange(1.0, 17).expand(4, 512, 16))
    assert (scan.Ds == 1).all()


@pytest.mark.parametrize(("name", "bound"), [("x_proj", 512**-0.5), ("dt_weight", 16**-0.5)])
def test_projections_start_uniform_within_their_bound(scan, name, bound):
    weight = getattr(scan, name).detach()
    assert weight.abs().max() <= bound
    assert weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.03)


def test_each_direction_reads_its_own_projection():
    torch.manual_seed(0)
    both = SelectiveScan(16, 4, 2, (0, 3))
    x = torch.randn(2, 3, 5, 16)
    total = torch.zeros_like(x)
    for k, direction in enumerate(both.directions):
        projection = torch.einsum("bhwd,cd->bhwc", x, both.x_proj[k])[:, :, :, None]
        weights = (p[k : k + 1] for p in (both.dt_weight, both.dt_bias, both.A_logs, both.Ds))
        total += ss2d_reference(x, projection, *weights, directions=(direction,))
    gate, norm = torch.randn_like(x), torch.nn.LayerNorm(16)
    torch.nn.init.normal_(norm.weight)
    assert torch.allclose(both(x, gate, norm), norm(total) * F.silu(gate), atol=1e-5)
