"""Sigma against its official modules' output for the same weights and images, and its fusion by hand.

The golden values were computed by those modules in float32 on a CPU, with the scan as a plain loop, for the
weights and the pair of `parity_fill` with seed 7.
"""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tests.models.parity_fill import make_pair
from tests.models.parity_network import parity_network, read_golden

import cipa
from cipa.models.checkpoints.names import to_ours, to_published
from cipa.models.sigma_fusion import STATES, ConcatMamba, CrossMamba
from cipa.ops import use_backend
from cipa.ops.scan.selective_scan_reference import selective_scan_reference

STRIDE = 5
WIDTH = 32


@pytest.fixture(scope="module")
def run():
    """One forward pass: (golden arrays, logits, fused maps)."""
    model, arrays = parity_network("sigma-tiny")
    fused = []
    model.decoder.register_forward_pre_hook(lambda _, inputs: fused.extend(inputs[0]))
    with torch.no_grad():
        logits = model(*map(torch.from_numpy, make_pair(7)))[0, 0].numpy()
    return arrays, logits, fused


def test_logits_are_the_published_ones(run):
    arrays, logits, _ = run
    error = logits[::STRIDE, ::STRIDE] - arrays["logits"]
    print(f"\nlogits differ by at most {np.abs(error).max():.1e}")
    assert np.abs(error).max() < 1e-4
    assert np.sqrt(np.mean(error**2)) / arrays["logits.std"] < 1e-5
    assert logits.mean(dtype=np.float64) == pytest.approx(arrays["logits.mean"], abs=1e-5)
    assert logits.std(dtype=np.float64) == pytest.approx(arrays["logits.std"], abs=1e-5)


def test_fused_maps_are_the_published_ones(run):
    arrays, _, fused = run
    assert len(fused) == 4
    for stage, value in enumerate(fused):
        flat = value.permute(0, 3, 1, 2).flatten().numpy()
        places = np.sort(np.random.default_rng(1).choice(flat.size, 256, replace=False))
        assert np.abs(flat[places] - arrays[f"fused.{stage}.samples"]).max() < 2e-4, stage


def test_every_published_tensor_has_a_place_of_its_size_and_a_way_back():
    with torch.device("meta"):
        own = {name: tensor.numel() for name, tensor in cipa.create_model("sigma-tiny").state_dict().items()}
    published = read_golden("sigma-tiny")["published"]
    assert len(published) == 668
    assert {to_ours(name): int(np.prod(shape)) for name, shape in published.items()} == own
    assert [to_published(to_ours(name)) for name in published] == list(published)


@pytest.fixture
def maps():
    torch.manual_seed(0)
    return torch.randn(2, 5, 7, WIDTH), torch.randn(2, 5, 7, WIDTH)


def moved(module):
    """Draw every parameter at random, so that none of the two modalities' are alike."""
    torch.manual_seed(2)
    for name, parameter in module.named_parameters():
        parameter.data.add_(0.1 * torch.randn_like(parameter) if name.endswith("A_logs") else 0)
        if parameter.ndim == 1 or "proj" in name:
            parameter.data.add_(0.1 * torch.randn_like(parameter))
    return module


def parameters_of(scan):
    return scan.x_proj[0], scan.dt_weight[0], scan.dt_bias[0], scan.A_logs[0], scan.Ds[0]


def test_cross_mamba_reads_each_modality_with_the_others_c(maps):
    cross = moved(CrossMamba(WIDTH))
    inner, low, b, c = [], [], [], []
    for image, proj, scan in zip(
        maps, (cross.ct_in_proj, cross.pet_in_proj), (cross.ct_scan, cross.pet_scan), strict=True
    ):
        x = F.silu(cross.depthwise(proj(image).permute(0, 3, 1, 2))).flatten(2).transpose(1, 2)
        parts = F.linear(x, scan.x_proj[0]).split([2, STATES, STATES], dim=-1)
        for values, value in zip((inner, low, b, c), (x, *parts), strict=True):
            values.append(value)
    expected = []
    for own, other in ((0, 1), (1, 0)):
        scan, norm, out = (
            (cross.ct_scan, cross.ct_norm, cross.ct_out_proj),
            (cross.pet_scan, cross.pet_norm, cross.pet_out_proj),
        )[own]
        _, dt_weight, dt_bias, a_logs, skip = parameters_of(scan)
        dt = F.linear(low[own], dt_weight)
        y = selective_scan_reference(inner[own], dt, a_logs, b[own], c[other], skip, dt_bias)
        expected.append(maps[own] + out(norm(y)).reshape(maps[own].shape))
    for found, wanted in zip(cross(*maps), expected, strict=True):
        assert torch.allclose(found, wanted, atol=1e-5)


def test_concat_mamba_scans_ct_then_pet_both_ways_and_gates_each_by_the_other(maps):
    concat = moved(ConcatMamba(WIDTH))
    scan, sequence, gates = concat.scan, [], []
    for image, proj, convolution, gate in (
        (maps[0], concat.ct_in_proj, concat.ct_depthwise, concat.ct_gate),
        (maps[1], concat.pet_in_proj, concat.pet_depthwise, concat.pet_gate),
    ):
        inner = proj(image)
        sequence.append(F.silu(convolution(inner.permute(0, 3, 1, 2))).flatten(2).transpose(1, 2))
        gates.append(torch.sigmoid(gate.up(F.silu(gate.down(inner.flatten(1, 2).mean(1, keepdim=True))))))
    joined = torch.cat(sequence, dim=1)
    total = 0
    for k, x in ((0, joined), (1, joined.flip(1))):
        low, b, c = F.linear(x, scan.x_proj[k]).split([2, STATES, STATES], dim=-1)
        dt = F.linear(low, scan.dt_weight[k])
        y = selective_scan_reference(x, dt, scan.A_logs[k], b, c, scan.Ds[k], scan.dt_bias[k])
        total = total + (y.flip(1) if k else y)
    ct, pet = total.chunk(2, dim=1)
    out = concat.out_proj(torch.cat([concat.ct_norm(ct) * gates[1], concat.pet_norm(pet) * gates[0]], -1))
    assert torch.allclose(concat(*maps), maps[0] + maps[1] + out.reshape(maps[0].shape), atol=1e-5)


@pytest.mark.parametrize("module", [CrossMamba, ConcatMamba])
def test_gradients_are_those_of_the_plain_loop(maps, module):
    fusion = moved(module(WIDTH))
    found = []
    for form in ("cpu", "reference"):
        with use_backend(form):
            result = fusion(*maps)
            result = torch.cat(result) if isinstance(result, tuple) else result
            fusion.zero_grad()
            result.square().sum().backward()
        found.append({name: p.grad.clone() for name, p in fusion.named_parameters()})
    for name, gradient in found[0].items():
        assert gradient.abs().max() > 0, name
        error = (gradient - found[1][name]).norm() / found[1][name].norm()
        assert error < 1e-4, (name, error)


def test_any_multiple_of_128_will_do():
    model = cipa.create_model("sigma-nano", image_size=128).eval()
    with torch.no_grad():
        assert model(torch.zeros(1, 1, 128, 256), torch.zeros(1, 1, 128, 256)).shape == (1, 1, 128, 256)
