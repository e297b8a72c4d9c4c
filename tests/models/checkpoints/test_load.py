import argparse
import collections
from pathlib import Path

import numpy as np
import pytest
import torch

import cipa
from cipa.errors import DataError, UsageError
from cipa.models.checkpoints.torch_file import CheckpointWarning


@pytest.fixture
def pair():
    torch.manual_seed(1)
    return torch.rand(1, 1, 128, 128), torch.rand(1, 1, 128, 128)


@pytest.fixture
def saved(tmp_path, nano, publish):
    """A function: changes to nano's published state dict -> the file that holds it."""

    def save(change=lambda state: state, wrap=lambda state: state):
        torch.save(wrap(change(publish(nano))), tmp_path / "CIPA.pth")
        return tmp_path / "CIPA.pth"

    return save


def rename(*pairs):
    def change(state):
        for old, new in pairs:
            state = {name.replace(old, new, 1): tensor for name, tensor in state.items()}
        return state

    return change


def assert_same_network(model, expected, pair):
    assert model.config == expected.config
    assert not model.training
    with torch.no_grad():
        assert torch.equal(model(*pair), expected(*pair))


def test_a_training_checkpoint_is_the_network_it_was(saved, nano, pair):
    path = saved(wrap=lambda state: {"model": state, "epoch": 3, "args": argparse.Namespace(lr=6e-5)})
    assert_same_network(cipa.load_model(path), nano, pair)


@pytest.mark.parametrize(
    "dialect",
    [
        rename(),
        rename(("backbone.cross_mamba", "backbone.CRM"), ("backbone.channel_attn_mamba", "backbone.DCIM")),
        rename(("backbone.", "module.backbone."), ("decode_head.", "module.decode_head.")),
    ],
)
def test_every_dialect_of_a_bare_state_dict_is_read(saved, nano, pair, dialect):
    assert_same_network(cipa.load_model(saved(dialect)), nano, pair)


def test_a_published_sigma_is_the_network_it_was(tmp_path, sigma_nano, publish, pair):
    sigma_nano.config = sigma_nano.config.replace(image_size=512)  # which its tensors do not tell
    torch.save({"model": publish(sigma_nano)}, tmp_path / "sigma.pth")
    assert_same_network(cipa.load_model(tmp_path / "sigma.pth"), sigma_nano, pair)


def test_a_tensor_that_a_published_sigma_lacks_is_named_as_published(tmp_path, sigma_nano, publish):
    state = publish(sigma_nano)
    del state["backbone.cross_mamba.2.op.CMA_ssm.A_log_2"]
    torch.save(state, tmp_path / "sigma.pth")
    with pytest.raises(DataError, match=r"1 missing \(backbone.cross_mamba.2.op.CMA_ssm.A_log_2\)"):
        cipa.load_model(tmp_path / "sigma.pth")


def test_half_precision_weights_become_float32(saved, nano):
    model = cipa.load_model(
        saved(lambda state: {k: v.half() if v.is_floating_point() else v for k, v in state.items()})
    )
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert torch.allclose(
        model.encoder.stages[0].blocks[0].ss2d.scan.Ds,
        nano.encoder.stages[0].blocks[0].ss2d.scan.Ds,
        atol=1e-3,
    )


@pytest.mark.parametrize("own", ["folder", "file"])
def test_our_own_format_is_read(tmp_path, nano, pair, own):
    nano.save_pretrained(tmp_path / "saved")
    path = tmp_path / "saved"
    assert_same_network(cipa.load_model(path if own == "folder" else path / "model.safetensors"), nano, pair)


def test_a_loaded_network_can_be_trained(saved):
    model = cipa.load_model(saved()).train()
    model(torch.rand(2, 1, 128, 128), torch.rand(2, 1, 128, 128)).mean().backward()
    assert all(p.grad is not None for p in model.parameters())


def test_a_loaded_network_does_not_hang_on_its_file(saved, nano, pair):
    path = saved()
    model = cipa.load_model(path)
    path.write_bytes(bytes(path.stat().st_size))
    assert_same_network(model, nano, pair)


def without(*names):
    return lambda state: {name: tensor for name, tensor in state.items() if name not in names}


BIAS = "backbone.cross_mamba.0.channel_weights.mlp.1.bias"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (without("decode_head.norm_up.bias", BIAS), "2 missing"),
        (without(BIAS), BIAS),
        (
            lambda state: state | {"backbone.aspp.0.weight": torch.zeros(1)},
            r"1 left over \(backbone.aspp.0.weight\)",
        ),
        (lambda state: state | {BIAS: torch.zeros(5)}, r"mlp.1.bias \[5\], must be \[16\]"),
        (lambda state: state | {BIAS: torch.full((16,), torch.nan)}, "1 not finite"),
        (lambda state: state | {f"extra.{i}": torch.zeros(1) for i in range(9)}, "9 left over .* and 6 more"),
        (lambda state: state | {BIAS.replace("cross_mamba", "CRM"): torch.zeros(16)}, "twice"),
    ],
)
def test_what_does_not_fit_is_listed_by_its_published_name(saved, change, named):
    with pytest.raises(DataError, match=named) as caught:
        cipa.load_model(saved(change))
    assert "CIPA.pth" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: {"state_dict": state, "epoch": 3},
        lambda state: {"checkpoint": 1, "model": {"state_dict": state, "epoch": 3}},
        lambda state: {"model_ema": {"module": state, "decay": 0.99}},
        lambda state: {"model": state, "best_iou": np.float64(0.6), "when": Path("a/b")},
        lambda state: {"model": collections.defaultdict(int, state)},
        lambda state: {"n_averaged": torch.tensor(3)} | {f"module.{k}": v for k, v in state.items()},
        lambda state: state | {"total_ops": torch.zeros(1), "backbone.vssm.total_params": torch.zeros(1)},
        *(
            lambda state, prefix=prefix: {prefix + name: tensor for name, tensor in state.items()}
            for prefix in ("module.", "model.", "_orig_mod.", "module._orig_mod.", "_orig_mod.module.model.")
        ),
        lambda state: {k.replace("backbone.", "backbone._orig_mod."): v for k, v in state.items()},
    ],
)
def test_weights_are_found_in_whatever_wraps_them(saved, nano, pair, wrap):
    assert_same_network(cipa.load_model(saved(wrap=wrap)), nano, pair)


def test_of_several_sets_of_weights_the_one_that_is_read_is_named(saved, nano, pair):
    path = saved(wrap=lambda state: {"ema": {k: v + 1 for k, v in state.items()}, "model": state})
    with pytest.warns(CheckpointWarning, match="those under 'model' are read, not ema"):
        model = cipa.load_model(path)
    assert_same_network(model, nano, pair)


@pytest.mark.parametrize(
    ("tensor", "said"),
    [
        (torch.zeros(1).expand(10**6, 10**6), "of a wrong shape .*1000000"),
        (torch.zeros(16, dtype=torch.complex64), "of a wrong type .*complex64"),
        (torch.zeros(16, dtype=torch.int8), "of a wrong type .*int8"),
        (torch.zeros(16, device="meta"), "of a wrong type .*on meta"),
        (torch.zeros(16).to_sparse(), "of a wrong type .*sparse|damaged"),
        (torch.tensor(1.0), "of a wrong shape"),
    ],
)
def test_tensors_of_another_kind_are_refused_by_name(saved, tensor, said):
    with pytest.raises(DataError, match=said) as caught:
        cipa.load_model(saved(lambda state: state | {BIAS: tensor}))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "tensor"),
    [
        ("backbone.cross_mamba.99999.channel_weights.mlp.0.weight", torch.ones(16)),
        ("backbone.vssm.layers.0.blocks." + "9" * 5000 + ".norm.weight", torch.ones(16)),
        ("backbone.cross_mamba.0.channel_weights.mlp.0.weight", torch.zeros(1).expand(10**10)),
        ("backbone.vssm.layers.0.blocks.0.op.A_logs", torch.tensor(1.0)),
        ("decode_head.output.weight", torch.zeros(1).expand(10**9, 1, 1, 1)),
        ("decode_head.output.weight", torch.tensor(1.0)),
        ("a\nb\x1b[31m" + "x" * 10**6, torch.zeros(1)),
    ],
)
def test_names_and_sizes_no_network_has_are_one_short_line(saved, name, tensor):
    with pytest.raises(DataError) as caught:
        cipa.load_model(saved(lambda state: state | {name: tensor}))
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 600


def test_a_flipped_bit_in_weights_is_noticed(saved):
    path = saved(lambda state: state | {BIAS: torch.full((16,), 0.123)})
    content = bytearray(path.read_bytes())
    content[content.index(torch.full((16,), 0.123).numpy().tobytes()) + 8] ^= 1
    path.write_bytes(content)
    with pytest.raises(DataError, match="checksum"):
        cipa.load_model(path)


def test_a_torchscript_program_is_refused_by_name(tmp_path):
    torch.jit.script(torch.nn.Linear(2, 2)).save(tmp_path / "a.pth")
    with pytest.raises(DataError, match="TorchScript program"):
        cipa.load_model(tmp_path / "a.pth")


def test_a_path_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DataError, match=r"nowhere: no such file"):
        cipa.load_model(tmp_path / "nowhere")


def test_another_image_size_is_refused_by_name(saved):
    with pytest.raises(DataError, match="is for images of 128 x 128, not 256 x 256"):
        cipa.load_model(saved(), image_size=256)


def test_another_image_size_is_served_by_resampling_on_request(saved):
    model = cipa.load_model(saved(), image_size=256, resample_crm=True)
    assert model.config.image_size == 256
    with torch.no_grad():
        logits = model(torch.rand(1, 1, 256, 256), torch.rand(1, 1, 256, 256))
    assert torch.isfinite(logits).all()


def test_the_same_image_size_changes_nothing(saved, nano, pair):
    assert_same_network(cipa.load_model(saved(), image_size=128, resample_crm=True), nano, pair)


def test_without_crm_any_image_size_is_served(tmp_path):
    cipa.create_model("nano", crm=False).save_pretrained(tmp_path / "saved")
    assert cipa.load_model(tmp_path / "saved", image_size=256).config.image_size == 256


def test_an_impossible_image_size_is_a_usage_error(saved):
    with pytest.raises(UsageError, match="image_size 200"):
        cipa.load_model(saved(), image_size=200)
