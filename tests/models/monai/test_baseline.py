"""MONAI's networks behind CIPA's interface, at small widths."""

import sys

import pytest
import torch
from torch import nn

import cipa
from cipa.errors import DataError, UsageError

SMALL = {
    "unet": {"width": 4, "levels": 3},
    "attention-unet": {"width": 4, "levels": 3},
    "dynunet": {"width": 4},
    "swin-unetr": {"width": 12},
}


@pytest.fixture(params=SMALL)
def model(request):
    torch.manual_seed(0)
    return cipa.create_model(request.param, image_size=128, **SMALL[request.param])


@pytest.fixture
def pair():
    torch.manual_seed(1)
    return torch.rand(1, 1, 128, 128) * 3.2 - 1.6, torch.rand(1, 1, 128, 128) * 3.2 - 1.6


def test_logits_have_the_images_size_and_every_parameter_a_gradient(model, pair):
    """Distributed training needs the latter: a parameter without a gradient would be waited for."""
    logits = model(*pair)
    logits.square().mean().backward()
    assert logits.shape == (1, 1, 128, 128)
    assert torch.isfinite(logits).all()
    assert [name for name, p in model.named_parameters() if p.grad is None] == []


def test_nothing_in_it_is_random_while_training(model, pair):
    """A resumed run ends with the same weights only then."""
    assert [m for m in model.modules() if isinstance(m, nn.modules.dropout._DropoutNd) and m.p > 0] == []
    with torch.no_grad():
        assert torch.equal(model.train()(*pair), model(*pair))


def test_ct_and_pet_are_not_interchangeable(model, pair):
    ct, pet = pair
    with torch.no_grad():
        assert not torch.allclose(model(ct, pet), model(pet, ct), atol=1e-4)


def test_a_saved_one_comes_back_and_draws_nothing_doing_so(model, pair, tmp_path):
    model.eval().save_pretrained(tmp_path / "saved")
    before = torch.get_rng_state()
    again = cipa.load_model(tmp_path / "saved")
    assert torch.equal(torch.get_rng_state(), before)
    assert again.config == model.config
    assert not again.training
    with torch.no_grad():
        assert torch.equal(again(*pair), model(*pair))
    card = (tmp_path / "saved" / "README.md").read_text()
    assert f"The network {model.config.variant} of MONAI" in card


def test_it_is_served_at_another_size(tmp_path):
    cipa.create_model("unet", image_size=128, **SMALL["unet"]).save_pretrained(tmp_path / "saved")
    assert cipa.load_model(tmp_path / "saved", image_size=256).config.image_size == 256


def test_the_unrolled_dynunet_is_monais(pair):
    from monai.networks.nets import DynUNet

    from cipa.models.monai.build import Unrolled

    torch.manual_seed(0)
    monai = DynUNet(2, 2, 1, [3] * 4, [1, 2, 2, 2], [2] * 3, filters=[4, 8, 16, 16])
    image = torch.cat(pair, dim=1)
    with torch.no_grad():
        assert torch.equal(Unrolled(monai)(image), monai(image))


@pytest.mark.parametrize(
    ("package", "variant"), [("monai.networks", "unet"), ("einops", "swin-unetr"), ("einops", "unet")]
)
def test_without_monai_one_line_says_what_to_install(monkeypatch, package, variant):
    monkeypatch.setitem(sys.modules, package, None)
    name = package.partition(".")[0]
    with pytest.raises(UsageError, match=rf"'{variant}' needs {name}: pip install 'cipa\[baselines\]'"):
        cipa.create_model(variant)


def test_images_it_cannot_halve_often_enough_are_refused():
    with torch.device("meta"):
        model = cipa.create_model("dynunet", width=4)
        image = torch.zeros(1, 1, 128, 128)
    with pytest.raises(DataError, match="128 x 128: this network's 8 levels need 256 x 256"):
        model(image, image)


def test_images_of_other_kinds_are_refused_as_by_cipa():
    model = cipa.create_model("unet", **SMALL["unet"])
    with pytest.raises(DataError, match="same grid"):
        model(torch.zeros(1, 1, 128, 128), torch.zeros(2, 1, 128, 128))
    with pytest.raises(DataError, match="100 x 128: sides must be multiples of 128"):
        model(torch.zeros(1, 1, 100, 128), torch.zeros(1, 1, 100, 128))
