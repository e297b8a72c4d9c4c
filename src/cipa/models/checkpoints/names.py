"""The published tensor names and ours, in one table for both directions.

Published names come in dialects: two modules were renamed once (`cross_mamba` is also `CRM`,
`channel_attn_mamba` also `DCIM`), a network that was trained in a wrapper has its prefix before everything
(`module.`), and VMamba's ImageNet files have older names. `unwrap_names`, `canonical` and
`canonical_imagenet` bring all of them to the names in `MODULES`.
"""

import re
from collections.abc import Iterable

from cipa.models.checkpoints.sigma_names import SIGMA_MODULES

MODULES = (
    ("backbone.vssm.patch_embed.0", "encoder.patch_embedding.projection"),
    ("backbone.vssm.patch_embed.2", "encoder.patch_embedding.norm"),
    ("backbone.vssm.layers.#.blocks.#.norm", "encoder.stages.#.blocks.#.norm"),
    ("backbone.vssm.layers.#.blocks.#.op", "encoder.stages.#.blocks.#.ss2d"),
    ("backbone.vssm.layers.#.downsample", "encoder.stages.#.downsample"),
    ("backbone.vssm.outnorm#", "encoder.stages.#.output_norm"),
    ("backbone.cross_mamba.#.channel_weights.mlp.0", "crm.#.map_norm"),
    ("backbone.cross_mamba.#.channel_weights.mlp.1", "crm.#.map_proj"),
    ("backbone.cross_mamba.#.channel_weights.mlp.3", "crm.#.ss1d"),
    ("backbone.cross_mamba.#.channel_weights.mlp.4", "crm.#.norm"),
    ("backbone.cross_mamba.#.channel_weights.mlp.5", "crm.#.weight_proj"),
    ("backbone.region_patch.#.inner_convs.0", "dcim.#.local_convs.0.0"),
    ("backbone.region_patch.#.inner_convs.1", "dcim.#.local_convs.0.1"),
    ("backbone.region_patch.#.inner_convs.3", "dcim.#.local_convs.1.0"),
    ("backbone.region_patch.#.inner_convs.4", "dcim.#.local_convs.1.1"),
    ("backbone.region_patch.#.outer_convs.0", "dcim.#.region_convs.0.0"),
    ("backbone.region_patch.#.outer_convs.1", "dcim.#.region_convs.0.1"),
    ("backbone.region_patch.#.outer_convs.3", "dcim.#.region_convs.1.0"),
    ("backbone.region_patch.#.outer_convs.4", "dcim.#.region_convs.1.1"),
    ("backbone.region_patch.#.outer_convs.6", "dcim.#.region_convs.2.0"),
    ("backbone.region_patch.#.outer_convs.7", "dcim.#.region_convs.2.1"),
    ("backbone.region_patch.#.outer_convs.9", "dcim.#.region_convs.3.0"),
    ("backbone.region_patch.#.outer_convs.10", "dcim.#.region_convs.3.1"),
    ("backbone.channel_attn_mamba.#.inner_norm1", "dcim.#.local_norm"),
    ("backbone.channel_attn_mamba.#.inner_attn", "dcim.#.local_ss2d"),
    ("backbone.channel_attn_mamba.#.outer_norm1", "dcim.#.region_norm"),
    ("backbone.channel_attn_mamba.#.outer_attn", "dcim.#.region_ss2d"),
    ("decode_head.layers_up.0.expand", "decoder.expand.linear"),
    ("decode_head.layers_up.0.norm", "decoder.expand.norm"),
    ("decode_head.layers_up.1.blocks.#", "decoder.stages.0.#"),
    ("decode_head.layers_up.2.blocks.#", "decoder.stages.1.#"),
    ("decode_head.layers_up.3.blocks.#", "decoder.stages.2.#"),
    ("decode_head.layers_up.1.upsample", "decoder.upsamples.0"),
    ("decode_head.layers_up.2.upsample", "decoder.upsamples.1"),
    ("decode_head.norm_up", "decoder.norm"),
    ("decode_head.up", "decoder.final_upsample"),
    ("decode_head.output", "decoder.output"),
)
"""(published, ours) paths of modules; # is a number, the n-th on one side is the n-th on the other."""

INNER = (
    ("op", "ss2d"),
    ("conv2d", "depthwise"),
    ("x_proj_weight", "scan.x_proj"),
    ("dt_projs_weight", "scan.dt_weight"),
    ("dt_projs_bias", "scan.dt_bias"),
    ("A_logs", "scan.A_logs"),
    ("Ds", "scan.Ds"),
    ("scale1", "skip1"),
    ("scale2", "skip2"),
    ("conv_blk.cab.0", "convs.0"),
    ("conv_blk.cab.2", "convs.2"),
    ("conv_blk.cab.3.fc.0", "attention.down"),
    ("conv_blk.cab.3.fc.2", "attention.up"),
)
"""(published, ours) paths below a module of `MODULES`; what is not here has the same name on both sides."""

ENCODER = "backbone.vssm."

_DIALECTS = (
    (re.compile(r"^module\."), ""),
    (re.compile(r"^backbone\.CRM\."), "backbone.cross_mamba."),
    (re.compile(r"^backbone\.DCIM\."), "backbone.channel_attn_mamba."),
)
_IMAGENET = (
    (re.compile(r"^patch_embed\.proj\."), "patch_embed.0."),
    (re.compile(r"^patch_embed\.norm\."), "patch_embed.2."),
    (re.compile(r"\.ln_1\."), ".norm."),
    (re.compile(r"\.self_attention\."), ".op."),
)
_CLASSIFIER = re.compile(r"^(norm|head|classifier)\.")


WRAPPERS = ("module.", "model.", "_orig_mod.", "network.", "net.")
"""What wrappers of a network put before all of its names: DataParallel, Lightning, torch.compile, others."""

_COMPILED = re.compile(r"(?<![^.])_orig_mod\.")
_COUNTERS = re.compile(r"(?<![^.])(total_ops|total_params|n_averaged)$")
"""What thop and PyTorch's averaging leave beside the weights."""


def unwrap_names(names: Iterable[str]) -> dict[str, str]:
    """Strip the prefixes that wrappers add to the names of a network's tensors.

    Args:
        names: as a file has them.

    Returns:
        Each name with what the network itself calls the tensor; counters that are no weights are left out. A
        prefix is a wrapper's where all names have it.
    """
    bare = {name: _COMPILED.sub("", name) for name in names if not _COUNTERS.search(name)}
    while prefix := next(
        (wrapper for wrapper in WRAPPERS if bare and all(new.startswith(wrapper) for new in bare.values())),
        "",
    ):
        bare = {name: new.removeprefix(prefix) for name, new in bare.items()}
    return bare


def canonical(name: str) -> str:
    """Return a published name of any dialect as `MODULES` has it."""
    for pattern, new in _DIALECTS:
        name = pattern.sub(new, name)
    return name


def canonical_imagenet(name: str) -> str | None:
    """Return a name of VMamba's ImageNet files as `MODULES` has it, or None for a part of the classifier."""
    if _CLASSIFIER.match(name):
        return None
    for pattern, new in _IMAGENET:
        name = pattern.sub(new, name)
    return ENCODER + name


def to_ours(published: str) -> str | None:
    """Translate a canonical published name, or return None if no tensor of the network has it."""
    return _translate(published, _TO_OURS)


def to_published(ours: str) -> str | None:
    """Translate a name of ours to the canonical published one, or return None if it has none."""
    return _translate(ours, _TO_PUBLISHED)


def _translate(name: str, table: "Table") -> str | None:
    modules, inner = table
    for pattern, module in modules:
        if match := pattern.match(name):
            for number in match.groups():
                module = module.replace("#", number, 1)
            return module + _translate_inner(name[match.end() :], inner)
    return None


def _translate_inner(rest: str, inner: list[tuple[str, str]]) -> str:
    """Translate the part of a name below its module: a dot and the rest."""
    for source, target in inner:
        if rest == f".{source}" or rest.startswith(f".{source}."):
            return f".{target}" + _translate_inner(rest[len(source) + 1 :], inner)
    return rest


Table = tuple[list[tuple[re.Pattern[str], str]], list[tuple[str, str]]]


def _table(source: int) -> Table:
    modules = [
        (re.compile("^" + re.escape(pair[source]).replace(r"\#", r"(\d+)") + r"(?=\.|$)"), pair[1 - source])
        for pair in (*MODULES, *SIGMA_MODULES)
    ]
    return modules, [(pair[source], pair[1 - source]) for pair in INNER]


_TO_OURS = _table(0)
_TO_PUBLISHED = _table(1)
