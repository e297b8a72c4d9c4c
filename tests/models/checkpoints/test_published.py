import pytest
import torch

import cipa
from cipa.errors import DataError
from cipa.models.checkpoints.published import init_encoder

ENCODER = "backbone.vssm."
OLDER = (
    ("patch_embed.0.", "patch_embed.proj."),
    ("patch_embed.2.", "patch_embed.norm."),
    (".norm.", ".ln_1."),
    (".op.", ".self_attention."),
)


@pytest.fixture
def imagenet(nano, publish):
    """The encoder of `nano` as an ImageNet classifier's state dict with today's names."""
    state = {n.removeprefix(ENCODER): t for n, t in publish(nano).items() if n.startswith(ENCODER)}
    state = {name: tensor for name, tensor in state.items() if not name.startswith("outnorm")}
    return state | {"classifier.head.weight": torch.zeros(10, 128), "classifier.norm.weight": torch.ones(128)}


@pytest.fixture
def file(tmp_path):
    return tmp_path / "vssm.pth"


def older(name):
    if ".downsample." in name:
        return name  # its norm has kept its name
    new, old = next((pair for pair in OLDER if pair[0] in name), ("", ""))
    return name.replace(new, old, 1)


@pytest.mark.parametrize("naming", [str, older])
def test_the_encoder_is_taken_over_and_nothing_else(imagenet, nano, file, naming):
    torch.save({"model": {naming(name): tensor for name, tensor in imagenet.items()}}, file)
    model = cipa.create_model("nano", image_size=128)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    init_encoder(model, file)
    source = nano.state_dict()
    for name, tensor in model.state_dict().items():
        taken = name.startswith("encoder.") and ".output_norm." not in name
        assert torch.equal(tensor, source[name] if taken else before[name]), name


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (
            lambda s: {n: t for n, t in s.items() if n != "patch_embed.0.bias"},
            r"1 missing \(backbone.vssm.patch_embed.0.bias",
        ),
        (lambda s: s | {"layers.9.blocks.0.norm.weight": torch.zeros(1)}, "1 left over"),
        (lambda s: s | {"patch_embed.0.bias": torch.zeros(96)}, r"\[96\], must be \[16\]"),
    ],
)
def test_weights_that_do_not_fit_are_listed_and_leave_the_model_alone(imagenet, file, change, named):
    torch.save({"model": change(imagenet)}, file)
    model = cipa.create_model("nano", image_size=128)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(DataError, match=named):
        init_encoder(model, file)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
