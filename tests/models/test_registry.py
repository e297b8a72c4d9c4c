import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import cipa
from cipa.errors import UsageError
from cipa.models.catalogue import CATALOGUE
from cipa.models.cost import count

QUICK = ("nano", "sigma-nano", "unet", "attention-unet", "dynunet")


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_name_has_the_parameters_on_record(name):
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        model = cipa.create_model(name)
    assert sum(p.numel() for p in model.parameters()) == CATALOGUE[name].parameters


@pytest.mark.parametrize(
    "name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in CATALOGUE]
)
def test_every_name_costs_the_operations_on_record(name):
    assert count(name).gflop == pytest.approx(CATALOGUE[name].gflop, rel=0.005)


@pytest.mark.parametrize("name", ["nano", "sigma-nano"])
def test_the_count_is_of_what_the_network_does(name):
    """Counted on fake tensors; here on a real pair."""
    model = cipa.create_model(name, image_size=128).eval()  # with gradients: without, passes are fused
    image = torch.zeros(1, 1, 128, 128)
    with FlopCounterMode(display=False) as counter:
        model(image, image)
    assert count(name, 128).gflop == counter.get_total_flops() / 1e9


@pytest.mark.parametrize(
    ("name", "crm", "dcim"),
    [("tiny-crm-only", True, False), ("tiny-dcim-only", False, True), ("tiny-neither", False, False)],
)
def test_an_ablation_is_its_variant_without_the_module(name, crm, dcim):
    with torch.device("meta"):
        config = cipa.create_model(name).config
    assert (config.variant, config.crm, config.dcim) == ("tiny", crm, dcim)


def test_every_network_is_told_apart_by_its_variant():
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        configs = {name: cipa.create_model(name, suv_max=9.0).config for name in CATALOGUE}
    assert len({(c.variant, getattr(c, "crm", 0), getattr(c, "dcim", 0)) for c in configs.values()}) == 13
    assert {config.suv_max for config in configs.values()} == {9.0}


def test_an_unknown_name_or_setting_is_named_with_the_known_ones():
    with pytest.raises(UsageError, match=r"'nnunet': must be one of tiny, .*dynunet"):
        cipa.create_model("nnunet")
    with pytest.raises(UsageError, match="'dcim' is no setting of sigma-tiny: known are ct_window"):
        cipa.create_model("sigma-tiny", dcim=False)
