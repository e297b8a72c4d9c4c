"""The whole network on a GPU against the published code's outputs, and what a GPU adds: autocast, graphs."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tests.models.parity_fill import make_pair
from tests.models.parity_network import parity_network

import cipa
from cipa.models.checkpoints.names import to_ours
from cipa.models.ss2d import SS2D
from cipa.ops import use_backend

STRIDE = 5  # of the golden logits, see test_parity.py

pytestmark = [pytest.mark.gpu, pytest.mark.usefixtures("full_precision")]


@pytest.fixture
def full_precision(monkeypatch):
    """No TF32 in PyTorch's convolutions."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)


@pytest.fixture(scope="module")
def tiny():
    model, arrays = parity_network("tiny")
    return model.cuda(), arrays


@pytest.fixture(scope="module")
def pair():
    return [torch.from_numpy(image).cuda() for image in make_pair(7)]


def test_float32_logits_and_gradients_are_the_published_ones(tiny, pair):
    model, arrays = tiny
    model.zero_grad()
    logits = model(*pair)
    error = np.abs(logits.detach().cpu().numpy()[0, 0, ::STRIDE, ::STRIDE] - arrays["logits"])
    assert error.max() < 5e-4
    target = torch.zeros_like(logits)
    target[..., 180:260, 200:300] = 1
    p = logits.sigmoid()
    dice = (2 * (p * target).sum() + 1) / (p.sum() + target.sum() + 1)
    (F.binary_cross_entropy_with_logits(logits, target) + 1 - dice).backward()
    parameters = dict(model.named_parameters())
    names = [name for name in arrays["published"] if to_ours(name) in parameters]
    norms = np.array([parameters[to_ours(name)].grad.norm().item() for name in names])
    error = np.abs(norms / arrays["gradient_norms"] - 1)
    assert error.max() < 0.01, names[error.argmax()]


def test_without_gradients_the_logits_are_the_same(tiny, pair):
    with torch.inference_mode():
        inferred = tiny[0](*pair)
    # Fused passes sum in another order: each of the two lies about 1e-5 from the published logits.
    torch.testing.assert_close(inferred, tiny[0](*pair).detach(), rtol=0, atol=5e-5)


def test_a_pairs_logits_do_not_depend_on_the_pairs_beside_it(tiny, pair):
    with torch.inference_mode():
        beside = [torch.cat([image.flip(-1), image, image.flip(-2)]) for image in pair]
        torch.testing.assert_close(tiny[0](*beside)[1:2], tiny[0](*pair), rtol=0, atol=2e-4)


def test_compiled_float32_logits_are_the_published_ones(tiny, pair):
    model, arrays = tiny
    logits = cipa.compile_model(model, dtype="float32")(*pair)
    error = np.abs(logits.cpu().numpy()[0, 0, ::STRIDE, ::STRIDE] - arrays["logits"]).max()
    print(f"\nlargest error of the compiled logits: {error:.1e}")
    assert error < 5e-4


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_narrow_masks_are_float32s(tiny, pair, dtype):
    with torch.inference_mode():
        expected = tiny[0](*pair) > 0
        with torch.autocast("cuda", dtype):
            logits = tiny[0](*pair)
    assert logits.isfinite().all()
    found = logits > 0
    dice = 2 * (found & expected).sum() / (found.sum() + expected.sum())
    print(f"\nDice of {dtype} and float32: {dice.item():.5f}")
    # On random weights the logits crowd round zero, where bfloat16's 8 bits tip many pixels.
    assert dice >= (0.995 if dtype == torch.float16 else 0.97)


def test_a_forward_pass_is_captured_in_a_cuda_graph(nano):
    model = nano.cuda()
    ct, pet = (torch.randn(2, 1, 128, 128, device="cuda") for _ in range(2))
    with torch.inference_mode():
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(2):
                model(ct, pet)
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            captured = model(ct, pet)
        ct.normal_()
        pet.normal_()
        graph.replay()
        torch.testing.assert_close(captured, model(ct, pet), rtol=0, atol=1e-5)


def test_training_runs_are_bit_equal(nano):
    model = nano.cuda()
    ct, pet = (torch.randn(2, 1, 128, 128, device="cuda") for _ in range(2))

    def gradients():
        model.zero_grad()
        F.binary_cross_entropy_with_logits(logits := model(ct, pet), torch.ones_like(logits)).backward()
        return [parameter.grad.clone() for parameter in model.parameters() if "scan" in names[parameter]]

    names = {parameter: name for name, parameter in model.named_parameters()}
    deterministic = torch.backends.cudnn.deterministic
    torch.backends.cudnn.deterministic = True
    try:
        assert all(torch.equal(a, b) for a, b in zip(gradients(), gradients(), strict=True))
    finally:
        torch.backends.cudnn.deterministic = deterministic


@pytest.mark.parametrize(("dtype", "bound"), [(torch.float16, 5e-3), (torch.bfloat16, 4e-2)])
def test_a_block_under_autocast_follows_float64_and_its_parameters_stay_float32(dtype, bound):
    torch.manual_seed(0)
    layer = SS2D(48, 16)
    x = torch.randn(2, 9, 14, 48)
    upstream = torch.randn(2, 9, 14, 48)
    wide = SS2D(48, 16).double()
    wide.load_state_dict(layer.state_dict())
    with use_backend("reference"):
        expected = wide(x.double())
        expected.backward(upstream.double())
    layer.cuda()
    with torch.autocast("cuda", dtype):
        found = layer(x.cuda())
    found.backward(upstream.cuda().to(found.dtype))
    assert (found.cpu().double() - expected).norm() < bound * expected.norm()
    for (name, parameter), truth in zip(layer.named_parameters(), wide.parameters(), strict=True):
        assert parameter.grad.dtype == torch.float32
        error = (parameter.grad.cpu().double() - truth.grad).norm() / truth.grad.norm()
        assert error < bound, name


def test_the_gpu_and_the_cpu_agree():
    model = cipa.create_model("nano", image_size=128).eval()
    ct, pet = torch.randn(2, 2, 1, 128, 128)
    with torch.inference_mode():
        expected = model(ct, pet)
        torch.testing.assert_close(model.cuda()(ct.cuda(), pet.cuda()).cpu(), expected, rtol=0, atol=5e-4)
