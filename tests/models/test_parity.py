"""The network against the published code's outputs for the same weights and images.

Golden values were computed by the published code in float32 on a GPU, in eval mode, for the weights and the
pair of `parity_fill` with seed 7. Logits are kept at every fifth row and column, feature maps at 256 places.
"""

import contextlib

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tests.models.parity_fill import make_pair
from tests.models.parity_network import parity_network, read_golden

import cipa
from cipa.models.checkpoints.names import to_ours

VARIANTS = [
    "tiny",
    pytest.param("small", marks=pytest.mark.slow),
    pytest.param("base", marks=pytest.mark.slow),
]
STRIDE = 5


@pytest.fixture(scope="module", params=VARIANTS)
def run(request):
    """One forward and backward pass: (golden arrays, logits, loss, maps by golden name, network)."""
    model, arrays = parity_network(request.param)
    ct, pet = map(torch.from_numpy, make_pair(7))
    with collected_maps(model) as maps:
        logits = model(ct, pet)
    loss = published_loss(logits)
    loss.backward()
    return arrays, logits.detach()[0, 0].numpy(), loss.item(), maps, model


@contextlib.contextmanager
def collected_maps(model):
    """Keep what flows between the modules, channels first and flat, under the golden names."""
    maps = {}

    def keep(name, tensor):
        maps[name] = tensor.detach().permute(0, 3, 1, 2).flatten().numpy()

    def keep_stage(stage):
        def hook(_, inputs, outputs):
            for modality, before, after in zip(("ct", "pet"), inputs, outputs, strict=True):
                keep(f"encoder.{modality}.{stage}", before)
                keep(f"crm.{modality}.{stage}", after)

        return hook

    def keep_fused(_, inputs):
        for stage, fused in enumerate(inputs[0]):
            keep(f"fused.{stage}", fused)

    hooks = [module.register_forward_hook(keep_stage(stage)) for stage, module in enumerate(model.crm)]
    hooks.append(model.decoder.register_forward_pre_hook(keep_fused))
    yield maps
    for hook in hooks:
        hook.remove()


def published_loss(logits):
    target = torch.zeros_like(logits)
    target[..., 180:260, 200:300] = 1
    p = logits.sigmoid()
    dice = (2 * (p * target).sum() + 1) / (p.sum() + target.sum() + 1)
    return F.binary_cross_entropy_with_logits(logits, target) + 1 - dice


def require_published(logits, arrays):
    error = logits[::STRIDE, ::STRIDE] - arrays["logits"]
    spread = np.sqrt(np.mean(error**2)) / arrays["logits.std"]
    print(f"\nlogits differ by at most {np.abs(error).max():.1e}, {spread:.1e} of their std in RMS")
    assert np.abs(error).max() < 2e-4
    assert spread < 2e-5
    assert logits.mean(dtype=np.float64) == pytest.approx(arrays["logits.mean"], abs=1e-5)
    assert logits.std(dtype=np.float64) == pytest.approx(arrays["logits.std"], abs=1e-5)


def test_logits_are_the_published_ones(run):
    arrays, logits, *_ = run
    require_published(logits, arrays)


def test_logits_without_gradients_are_the_published_ones(run):
    arrays, _, _, _, model = run
    with torch.no_grad():  # the fused passes of the CPU
        logits = model(*map(torch.from_numpy, make_pair(7)))
    require_published(logits[0, 0].numpy(), arrays)


def test_feature_maps_are_the_published_ones(run):
    arrays, _, _, maps, _ = run
    assert len(maps) == 20
    for name, values in maps.items():
        places = np.sort(np.random.default_rng(1).choice(values.size, 256, replace=False))
        assert np.abs(values[places] - arrays[f"{name}.samples"]).max() < 2e-4, name


def test_loss_and_gradients_are_the_published_ones(run):
    arrays, _, loss, _, model = run
    assert loss == pytest.approx(arrays["loss"], abs=1e-5)
    parameters = dict(model.named_parameters())
    names = [name for name in arrays["published"] if to_ours(name) in parameters]
    norms = np.array([parameters[to_ours(name)].grad.norm().item() for name in names])
    error = np.abs(norms / arrays["gradient_norms"] - 1)
    print(f"\ngradients' norms differ by at most {error.max():.1e}")
    assert error.max() < 0.01, names[error.argmax()]


@pytest.mark.parametrize("variant", ["tiny", "small", "base"])
def test_every_published_tensor_has_a_place_of_its_size(variant):
    with torch.device("meta"):
        own = {name: tensor.numel() for name, tensor in cipa.create_model(variant).state_dict().items()}
    published = read_golden(variant)["published"]
    assert {to_ours(name): int(np.prod(shape)) for name, shape in published.items()} == own
