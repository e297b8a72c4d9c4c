import pytest
import torch

from cipa.models.crm import CRM


@pytest.fixture
def crm():
    torch.manual_seed(0)
    layer = CRM(pixels=36, width=16)
    torch.nn.init.normal_(layer.weight_proj.weight)
    return layer


def test_each_channel_is_amplified_by_one_factor_between_one_and_two(crm):
    ct, pet = torch.rand(2, 6, 6, 8) + 1, torch.rand(2, 6, 6, 8) + 1
    for before, after in zip((ct, pet), crm(ct, pet), strict=True):
        factor = after / before
        assert torch.allclose(factor, factor[:, :1, :1].expand_as(factor))
        assert factor.min() > 1
        assert factor.max() < 2
        assert factor.std() > 1e-3


def test_ct_is_scanned_before_pet(crm):
    ct, pet = torch.randn(1, 6, 6, 8), torch.randn(1, 6, 6, 8)
    same_ct, other_pet = crm(ct, torch.randn(1, 6, 6, 8))
    assert torch.equal(same_ct, crm(ct, pet)[0])  # the scan has not met a PET channel yet
    assert not torch.allclose(crm(torch.randn(1, 6, 6, 8), pet)[1], crm(ct, pet)[1])
    assert other_pet.shape == pet.shape
