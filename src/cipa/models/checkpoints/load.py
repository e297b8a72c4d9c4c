"""A network from any file this project reads."""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from torch import Tensor

from cipa.errors import DataError
from cipa.models.checkpoints.folder import (
    CONFIG_NAME,
    WEIGHTS_NAME,
    read_config,
    read_tensors,
)
from cipa.models.checkpoints.infer import infer_config
from cipa.models.checkpoints.locate import locate_weights
from cipa.models.checkpoints.match import build
from cipa.models.checkpoints.published import published_name, read_published
from cipa.models.checkpoints.resample import resample_crm as resample
from cipa.models.config import CIPAConfig, NetworkConfig
from cipa.models.pretrained import PretrainedFolder
from cipa.models.registry import network_of

EXPORTED = (".pt2", ".onnx")
"""Endings of exported networks, which are no weights: `cipa.models.exported` reads them."""


def load_model(
    path: str | Path, image_size: int | None = None, resample_crm: bool = False
) -> PretrainedFolder:
    """Build the network a file holds; variant, ablation and sizes come with it.

    Args:
        path: a folder of ours or the `.safetensors` file in it, of any network of `cipa models`; the folder
            of a training run, whose best weights are taken, else the last; "bundled" for the weights that
            come with the package; or a published checkpoint or bare state dict (`.pth`), whose variant,
            ablation and image size are inferred from its tensors.
        image_size: side of the images the network shall take, in pixels; by default the one it was made for.
        resample_crm: if that is another size, resample the CRM's weights to it (see `resample`) instead of
            refusing.

    Returns:
        The network in eval mode on the CPU, float32.

    Raises:
        DataError: missing, a Git-LFS pointer, damaged, unsafe to read, not a CIPA network, with tensors
            missing, left over or mis-shaped, or made for another image size.
        UsageError: image_size is not a multiple of 128, or MONAI is needed and not installed.
    """
    path = locate_weights(path)
    if path.suffix.lower() in EXPORTED:
        raise DataError(
            f"{path}: an exported network, which runs and cannot be trained or changed; give the weights it "
            "was exported from, or read it with cipa.load_exported"
        )
    model = _read(path)
    if image_size is None or image_size == model.config.image_size:
        return model
    return _at_size(model, image_size, resample_crm, path)


def _read(path: Path) -> PretrainedFolder:
    if path.is_dir() or path.suffix == ".safetensors":
        weights = path / WEIGHTS_NAME if path.is_dir() else path
        return _build(read_config(weights.with_name(CONFIG_NAME)), read_tensors(weights), path, named=str)
    tensors = read_published(path)
    return _build(infer_config(tensors, path), tensors, path, named=published_name)


def _at_size(model: PretrainedFolder, image_size: int, resample_crm: bool, path: Path) -> PretrainedFolder:
    config = model.config.replace(image_size=image_size)
    if not isinstance(config, CIPAConfig) or not config.crm:
        return _build(config, model.state_dict(), path, named=str)
    if not resample_crm:
        made_for = model.config.image_size
        raise DataError(
            f"{path} is for images of {made_for} x {made_for}, not {image_size} x {image_size}: resize the "
            "images, or ask for the CRM's weights to be resampled (resample_crm=True)"
        )
    return _build(config, resample(model.state_dict(), config.grids), path, named=str)


def _build(
    config: NetworkConfig, tensors: Mapping[str, Tensor], path: Path, named: Callable[[str], str]
) -> PretrainedFolder:
    return build(partial(network_of, config), tensors, path, named)
