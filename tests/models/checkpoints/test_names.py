import pytest
import torch

import cipa
from cipa.models.checkpoints.names import canonical, canonical_imagenet, to_ours, to_published


@pytest.mark.parametrize(
    ("dialect", "name"),
    [
        ("backbone.CRM.2.channel_weights.mlp.3.Ds", "backbone.cross_mamba.2.channel_weights.mlp.3.Ds"),
        ("backbone.DCIM.1.inner_norm1.bias", "backbone.channel_attn_mamba.1.inner_norm1.bias"),
        (
            "module.backbone.CRM.0.channel_weights.mlp.5.bias",
            "backbone.cross_mamba.0.channel_weights.mlp.5.bias",
        ),
        ("module.decode_head.output.weight", "decode_head.output.weight"),
        ("decode_head.output.weight", "decode_head.output.weight"),
    ],
)
def test_dialects_become_one(dialect, name):
    assert canonical(dialect) == name


@pytest.mark.parametrize(
    ("old", "name"),
    [
        ("patch_embed.proj.weight", "patch_embed.0.weight"),
        ("patch_embed.norm.bias", "patch_embed.2.bias"),
        ("layers.2.blocks.11.ln_1.weight", "layers.2.blocks.11.norm.weight"),
        ("layers.0.blocks.1.self_attention.A_logs", "layers.0.blocks.1.op.A_logs"),
        ("layers.0.blocks.1.op.A_logs", "layers.0.blocks.1.op.A_logs"),
        ("layers.0.downsample.norm.weight", "layers.0.downsample.norm.weight"),
    ],
)
def test_imagenet_names_become_those_of_the_encoder(old, name):
    assert canonical_imagenet(old) == f"backbone.vssm.{name}"


@pytest.mark.parametrize(
    "name", ["norm.weight", "head.bias", "classifier.head.weight", "classifier.norm.bias"]
)
def test_the_classifier_has_no_place(name):
    assert canonical_imagenet(name) is None


def test_every_tensor_of_ours_has_one_published_name_and_back():
    with torch.device("meta"):
        names = list(cipa.create_model("base").state_dict())
    published = [to_published(name) for name in names]
    assert None not in published
    assert len(set(published)) == len(names)
    assert [to_ours(name) for name in published] == names


@pytest.mark.parametrize("name", ["backbone.vssm.outnorm4x.weight", "backbone.aspp.0.weight", "head.weight"])
def test_a_foreign_name_has_no_translation(name):
    assert to_ours(name) is None
