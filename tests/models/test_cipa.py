import copy

import pytest
import torch

import cipa
from cipa.errors import DataError, UsageError


def parameter_count(variant, **settings):
    with torch.device("meta"):
        return sum(p.numel() for p in cipa.create_model(variant, **settings).parameters())


@pytest.fixture
def pair():
    torch.manual_seed(1)
    return torch.rand(2, 1, 128, 128) * 3.2 - 1.6, torch.rand(2, 1, 128, 128) * 3.2 - 1.6


@pytest.mark.parametrize(
    ("variant", "count"),
    [("tiny", 54_572_198), ("small", 76_096_166), ("base", 130_268_832), ("nano", 1_823_573)],
)
def test_parameter_counts(variant, count):
    assert parameter_count(variant) == count


@pytest.mark.parametrize(
    ("crm", "dcim", "millions"),
    [(False, False, 33.92), (True, False, 36.32), (False, True, 52.17), (True, True, 54.57)],
)
def test_ablations_have_the_published_sizes(crm, dcim, millions):
    assert parameter_count("tiny", crm=crm, dcim=dcim) / 1e6 == pytest.approx(millions, abs=0.005)


def test_a_state_dict_has_848_entries():
    with torch.device("meta"):
        assert len(cipa.create_model("tiny").state_dict()) == 848


@pytest.mark.parametrize("crm", [True, False])
@pytest.mark.parametrize("dcim", [True, False])
def test_every_ablation_gives_finite_logits_and_a_gradient_for_every_parameter(pair, crm, dcim):
    model = cipa.create_model("nano", crm=crm, dcim=dcim, num_classes=3, image_size=128)
    logits = model(*pair)
    logits.square().mean().backward()
    assert logits.shape == (2, 3, 128, 128)
    assert torch.isfinite(logits).all()
    assert [name for name, p in model.named_parameters() if p.grad is None] == []


def test_fusion_without_dcim_is_the_sum_of_the_rectified_maps(nano):
    ct, pet = torch.randn(1, 32, 32, 16), torch.randn(1, 32, 32, 16)
    model = cipa.create_model("nano", dcim=False, image_size=128)
    assert torch.equal(model.fuse(0, ct, pet), sum(model.crm[0](ct, pet)))
    neither = cipa.create_model("nano", crm=False, dcim=False, image_size=128)
    assert torch.equal(neither.fuse(0, ct, pet), ct + pet)


def test_fusion_adds_the_interaction_to_the_unrectified_maps(nano):
    ct, pet = torch.randn(1, 32, 32, 16), torch.randn(1, 32, 32, 16)
    nothing = torch.zeros_like(ct), torch.zeros_like(pet)
    expected = ct + pet + nano.dcim[0](*nano.crm[0](ct, pet), residual=nothing)
    torch.testing.assert_close(nano.fuse(0, ct, pet), expected)


def test_ct_and_pet_are_not_interchangeable(nano, pair):
    ct, pet = pair
    with torch.no_grad():
        assert not torch.allclose(nano(ct, pet), nano(pet, ct), atol=1e-3)


def test_a_batch_gives_what_its_pairs_give(nano, pair):
    ct, pet = pair
    with torch.no_grad():
        assert torch.allclose(nano(ct, pet)[1:], nano(ct[1:], pet[1:]), atol=1e-4)


def test_without_crm_any_multiple_of_128_will_do():
    model = cipa.create_model("nano", crm=False).eval()
    with torch.no_grad():
        assert model(torch.zeros(1, 1, 128, 256), torch.zeros(1, 1, 128, 256)).shape == (1, 1, 128, 256)


def test_a_copy_is_the_same_network(nano, pair):
    with torch.no_grad():
        assert torch.equal(copy.deepcopy(nano)(*pair), nano(*pair))


@pytest.mark.parametrize(
    ("ct", "pet", "named"),
    [
        (torch.zeros(1, 128, 128), torch.zeros(1, 1, 128, 128), r"ct has shape \(1, 128, 128\)"),
        (torch.zeros(1, 1, 128, 128), torch.zeros(1, 3, 128, 128), r"pet has shape \(1, 3, 128, 128\)"),
        (torch.zeros(1, 1, 128, 128).byte(), torch.zeros(1, 1, 128, 128), "ct is torch.uint8"),
        (torch.zeros(2, 1, 128, 128), torch.zeros(1, 1, 128, 128), "same grid"),
        (torch.zeros(1, 1, 256, 256), torch.zeros(1, 1, 256, 256), "CRM is made for 128 x 128"),
    ],
)
def test_a_wrong_image_is_named(nano, ct, pet, named):
    with pytest.raises(DataError, match=named) as caught:
        nano(ct, pet)
    assert "\n" not in str(caught.value)


def test_sides_that_are_no_multiple_of_128_are_named():
    model = cipa.create_model("nano", crm=False)
    with pytest.raises(DataError, match="100 x 128: sides must be multiples of 128"):
        model(torch.zeros(1, 1, 100, 128), torch.zeros(1, 1, 100, 128))


def test_an_unknown_variant_is_named_with_the_known_ones():
    with pytest.raises(UsageError, match="'large': must be one of tiny, small, base, nano"):
        cipa.create_model("large")
