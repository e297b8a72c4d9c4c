"""Put tensors into the network they must belong to, all of them or none."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import torch
from torch import Tensor

from cipa.errors import DataError
from cipa.models.config import NetworkConfig
from cipa.models.pretrained import PretrainedFolder
from cipa.models.registry import network_of

LISTED = 3
"""Names an error message shows before it only counts."""


def build(
    config: NetworkConfig, tensors: Mapping[str, Tensor], path: Path, named: Callable[[str], str]
) -> PretrainedFolder:
    """Build a network around existing tensors.

    Args:
        config: of the network.
        tensors: by our names; floating ones may be of any floating type.
        path: where they come from, for messages.
        named: how the file calls a tensor of ours, for messages.

    Returns:
        The network with float32 weights, in eval mode on the CPU.

    Raises:
        DataError: a tensor is missing, left over, of another shape, or not finite.
        UsageError: MONAI is needed and not installed.
    """
    # Shapes only: no weight is drawn to be thrown away. MONAI draws some all the same: put the stream back.
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        model = network_of(config)
    expected = {name: tensor.shape for name, tensor in model.state_dict().items()}
    require_match(expected, tensors, path, named)
    model.load_state_dict({name: _as_float32(tensor) for name, tensor in tensors.items()}, assign=True)
    return model.eval()


def require_match(
    expected: Mapping[str, torch.Size], tensors: Mapping[str, Tensor], path: Path, named: Callable[[str], str]
) -> None:
    """Compare names, shapes and values with what a network needs.

    Raises:
        DataError: naming what is missing, left over, mis-shaped or not finite, the first few of each.
    """
    both = [name for name in expected if name in tensors]
    wrong = [name for name in both if tensors[name].shape != expected[name]]
    complaints = [
        _list("missing", [named(name) for name in expected if name not in tensors]),
        _list("left over", [named(name) for name in tensors if name not in expected]),
        _list(
            "of a wrong shape",
            [f"{named(name)} {list(tensors[name].shape)}, must be {list(expected[name])}" for name in wrong],
        ),
        _list("not finite", [named(name) for name in both if not torch.isfinite(tensors[name]).all()]),
    ]
    complaint = "; ".join(filter(None, complaints))
    if complaint:
        raise DataError(f"{path} does not fit the network: {complaint}")


def _list(kind: str, names: Iterable[str]) -> str:
    names = list(names)
    if not names:
        return ""
    shown = ", ".join(names[:LISTED])
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return f"{len(names)} {kind} ({shown}{more})"


def _as_float32(tensor: Tensor) -> Tensor:
    """Return an own copy, so that no tensor of a network depends on a file that may change under it."""
    if tensor.is_floating_point():
        return tensor.to(torch.float32, copy=True)
    return tensor.clone()
