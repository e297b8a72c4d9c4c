import pytest
import torch
from torch import nn

import cipa
from cipa.errors import DataError, UsageError
from cipa.inference import split_matmul
from cipa.inference.folding import fold_model


@pytest.fixture
def model():
    torch.manual_seed(0)
    network = cipa.create_model("nano", image_size=128)
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if name.endswith("running_var"):
                tensor.uniform_(0.5, 2)
            elif name.endswith("running_mean"):
                tensor.normal_()
    return network.eval()


def pairs(count):
    return torch.randn(2, count, 1, 128, 128, generator=torch.Generator().manual_seed(1)).clamp(-1.6, 1.6)


def test_a_compiled_network_gives_the_networks_logits_for_any_number_of_pairs(model):
    fast = cipa.compile_model(model, batch=2)
    for count in (1, 2, 3):
        ct, pet = pairs(count)
        with torch.inference_mode():
            torch.testing.assert_close(fast(ct, pet), model(ct, pet), rtol=1e-4, atol=1e-4)


def test_a_network_of_three_slices_is_compiled_too():
    torch.manual_seed(0)
    three = cipa.create_model("nano", image_size=128, slices=3).eval()
    ct, pet = torch.randn(2, 2, 3, 128, 128).clamp(-1.6, 1.6)
    with torch.inference_mode():
        torch.testing.assert_close(cipa.compile_model(three)(ct, pet), three(ct, pet), rtol=1e-4, atol=1e-4)


def test_nothing_is_left_to_fold_and_the_network_itself_is_unchanged(model):
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    folded = fold_model(model, torch.float32)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
    assert folded.encoder.patch_embedding.projection.weight.shape[1] == 1
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_half_precision_keeps_what_the_scan_reads_in_float32(model):
    narrow = fold_model(model, torch.float16)
    scan = narrow.encoder.stages[0].blocks[0].ss2d.scan
    assert scan.A_logs.dtype == scan.dt_bias.dtype == torch.float32
    assert scan.x_proj.dtype == torch.float16
    own = model.encoder.stages[0].blocks[0].ss2d.scan
    assert torch.equal(scan.A_logs, own.A_logs)


def test_bf16_is_near_float32(model):
    ct, pet = pairs(1)
    exact, narrow = (cipa.compile_model(model, dtype=dtype)(ct, pet) for dtype in ("float32", "bf16"))
    assert narrow.dtype == torch.float32
    assert (narrow - exact).norm() < 0.1 * exact.norm()


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"dtype": "int8"}, "int8"), ({"batch": 0}, "batch 0"), ({"dtype": "tf32"}, "use float32")],
)
def test_settings_that_cannot_be_are_named(model, settings, message):
    with pytest.raises(UsageError, match=message):
        cipa.compile_model(model, **settings)


def test_images_of_another_size_are_named(model):
    with pytest.raises(DataError, match="ct has shape"):
        cipa.compile_model(model)(*torch.zeros(2, 1, 1, 64, 64))


def test_where_products_on_tensor_cores_give_up_the_pass_is_made_again_by_pytorch(model, monkeypatch):
    def infinite(self, x, weight, bias, stride=1):
        return x.new_full((*x.shape[:-1], len(weight)), torch.inf)

    monkeypatch.setattr(split_matmul, "backend_for", lambda x: "triton")
    monkeypatch.setattr(split_matmul.SplitMatmul, "_multiply", infinite)
    monkeypatch.setattr(split_matmul.SplitMatmul, "_takes", lambda self, x, weight, _: weight.dim() == 2)
    fast = cipa.compile_model(model, batch=2)
    expected = fast(*pairs(3))
    fast._split_matmul = split_matmul.SplitMatmul(fast.model)
    with torch.inference_mode():
        assert not fast._passes(*pairs(3)).isfinite().all()
    with pytest.warns(RuntimeWarning, match="made again by PyTorch"):
        again = fast(*pairs(3))
    torch.testing.assert_close(again, expected)


@pytest.mark.gpu
def test_values_beyond_a_million_are_no_error(model):
    block = model.cuda().encoder.stages[1].blocks[0]
    with torch.no_grad():
        block.norm.weight *= 2.0**25
        block.norm.bias *= 2.0**25
        block.ss2d.in_proj.weight *= 2.0**-25
    ct, pet = pairs(1).cuda()
    fast = cipa.compile_model(model)
    with torch.inference_mode():
        assert not fast._passes(ct, pet).isfinite().all()
        with pytest.warns(RuntimeWarning, match="made again by PyTorch"):
            again = fast(ct, pet)
        with torch.backends.cudnn.flags(allow_tf32=False):  # PyTorch's convolutions have it by default
            expected = model(ct, pet)
    torch.testing.assert_close(again, expected, rtol=1e-3, atol=1e-3)
