"""Networks from the published checkpoints, and encoders from VMamba's ImageNet weights."""

import re
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from cipa.errors import DataError, UsageError
from cipa.models.checkpoints.match import require_match
from cipa.models.checkpoints.names import canonical, canonical_imagenet, to_ours, to_published
from cipa.models.checkpoints.torch_file import read_torch_file
from cipa.models.config import VMambaConfig
from cipa.models.pretrained import PretrainedFolder
from cipa.readers import excerpt

DIRECTIONS = ((re.compile(r"\.channel_weights\."), 1), (re.compile(r"\.channel_attn_mamba\.\d+\.op\."), 2))
"""Modules whose scans have another number of directions than SS2D's 4: CIPA's CRM, Sigma's Concat Mamba."""


def read_published(path: Path) -> dict[str, Tensor]:
    """Read a published checkpoint, either dialect, with or without its training state.

    Args:
        path: a `.pth` file.

    Returns:
        Tensors by our names and in our shapes; a tensor the network has no name for keeps its own.

    Raises:
        DataError: unreadable, see `read_torch_file`.
    """
    return _rename([(canonical(name), tensor) for name, tensor in read_torch_file(path).items()], path)


def init_encoder(model: PretrainedFolder, path: str | Path) -> None:
    """Start the encoder from VMamba's ImageNet weights; feature norms, fusion and decoder stay as they are.

    Args:
        model: CIPA or Sigma; tiny takes `vssmtiny_dp01_ckpt_epoch_292.pth`, small
            `vssmsmall_dp03_ckpt_epoch_238.pth`, base `vssmbase_dp06_ckpt_epoch_241.pth`.
        path: that file; older and newer tensor names are both understood.

    Raises:
        DataError: unreadable, or a tensor of the encoder is missing, left over or of another shape; the model
            is unchanged.
        UsageError: a network without such an encoder.
    """
    if not isinstance(model.config, VMambaConfig):
        raise UsageError(f"{model.config.variant} has no VMamba encoder: {path} cannot start it")
    path = Path(path)
    named = [(canonical_imagenet(name), tensor) for name, tensor in read_torch_file(path).items()]
    tensors = _rename([(name, tensor) for name, tensor in named if name], path)
    state = model.get_submodule("encoder").state_dict()
    own = {f"encoder.{name}": tensor for name, tensor in state.items()}
    needed = {name: tensor for name, tensor in own.items() if ".output_norm." not in name}
    require_match(needed, tensors, path, published_name)
    with torch.no_grad():
        for name in needed:
            own[name].copy_(tensors[name])


def published_name(name: str) -> str:
    """Return what a published file calls a tensor of ours, or the name itself if it has no other."""
    return to_published(name) or name


def _rename(published: Sequence[tuple[str, Tensor]], path: Path) -> dict[str, Tensor]:
    ours: dict[str, Tensor] = {}
    for name, tensor in published:
        new = to_ours(name) or name
        if new in ours:
            raise DataError(
                f"{path} has {excerpt(name)} twice, once by another name: keep one and save it again"
            )
        ours[new] = _in_our_shape(name, tensor)
    return ours


def _in_our_shape(name: str, tensor: Tensor) -> Tensor:
    """Give the scan's parameters a dimension for directions, where they stack them or have but one."""
    if ".CMA_ssm." in name and ".out_norm_" not in name:
        return tensor.unsqueeze(0)
    leaf = name.rsplit(".", 1)[-1]
    if leaf not in ("A_logs", "Ds"):
        return tensor
    directions = next((count for module, count in DIRECTIONS if module.search(name)), 4)
    if not tensor.ndim or tensor.shape[0] % directions:
        return tensor  # its shape is wrong, and reported as such later
    return tensor.unflatten(0, (directions, -1))
