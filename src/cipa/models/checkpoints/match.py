"""Loads tensors into the network they must belong to, all of them or none."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from cipa.errors import DataError
from cipa.readers import excerpt

LISTED = 3
"""Names an error message shows before it only counts."""

FLOATING = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
"""Types that weights may be stored in."""

DRAWS = (Tensor.normal_, Tensor.uniform_)
"""What initialisers draw by."""

Network = TypeVar("Network", bound=nn.Module)


def build(
    make: Callable[[], Network], tensors: Mapping[str, Tensor], path: Path, named: Callable[[str], str]
) -> Network:
    """Build a network around existing tensors.

    Args:
        make: builds it.
        tensors: by our names; floating ones may be of any type of `FLOATING`.
        path: where they come from, for messages.
        named: how the file calls a tensor of ours, for messages.

    Returns:
        The network with float32 weights, in eval mode on the CPU.

    Raises:
        DataError: a tensor is missing, left over, of another shape or type, or not finite.
        UsageError: MONAI is needed and not installed.
    """
    # Shapes only: no weight is drawn to be thrown away. MONAI draws some all the same: put the stream back.
    with torch.random.fork_rng(devices=[]), torch.device("meta"), _NoDraws():
        model = make()
    require_match(model.state_dict(), tensors, path, named)
    model.load_state_dict({name: _as_float32(tensor) for name, tensor in tensors.items()}, assign=True)
    return model.eval()


class _NoDraws(TorchFunctionMode):
    """Leaves tensors without values undrawn: PyTorch would import its compiler for them, 1.5 s."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Call a function of PyTorch, or hand back what it would draw."""
        if func in DRAWS and args[0].is_meta:
            return args[0]
        return func(*args, **(kwargs or {}))


def require_match(
    expected: Mapping[str, Tensor], tensors: Mapping[str, Tensor], path: Path, named: Callable[[str], str]
) -> None:
    """Compare names, shapes, types and values with what a network needs.

    Values are looked at only where shape and type are right: a tensor of another shape may claim a terabyte.

    Args:
        expected: the network's own, of which shapes and types are read; on any device.
        tensors: what a file holds.
        path: of the file, for messages.
        named: how the file calls a tensor of ours, for messages.

    Raises:
        DataError: naming what is missing, left over, of a wrong shape or type or not finite, the first few of
            each.
    """
    both = [name for name in expected if name in tensors]
    shapes = {name for name in both if tensors[name].shape != expected[name].shape}
    types = {name for name in both if not _is_of_type(tensors[name], expected[name])}
    sound = [name for name in both if name not in shapes | types]
    complaints = [
        _list("missing", [named(name) for name in expected if name not in tensors]),
        _list("left over", [excerpt(named(name)) for name in tensors if name not in expected]),
        _list(
            "of a wrong shape",
            [
                f"{named(name)} {excerpt(list(tensors[name].shape))}, must be {list(expected[name].shape)}"
                for name in both
                if name in shapes
            ],
        ),
        _list("of a wrong type", [f"{named(name)} {_type(tensors[name])}" for name in both if name in types]),
        _list("not finite", [named(name) for name in sound if not torch.isfinite(tensors[name]).all()]),
    ]
    complaint = "; ".join(filter(None, complaints))
    if complaint:
        raise DataError(f"{path} does not fit the network: {complaint}")


def _is_of_type(tensor: Tensor, expected: Tensor) -> bool:
    """Say whether a tensor holds values as the network's does: floating for floating, whole for whole."""
    if tensor.layout != torch.strided or tensor.device.type != "cpu" or tensor.is_quantized:
        return False
    if expected.is_floating_point():
        return tensor.dtype in FLOATING
    return not (tensor.is_floating_point() or tensor.is_complex())


def _type(tensor: Tensor) -> str:
    kind = str(tensor.dtype).removeprefix("torch.")
    if tensor.layout != torch.strided:
        return f"{kind}, sparse"
    return kind if tensor.device.type == "cpu" else f"{kind} on {tensor.device.type}"


def _list(kind: str, names: Iterable[str]) -> str:
    names = list(names)
    if not names:
        return ""
    listed = ", ".join(names[:LISTED])
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return f"{len(names)} {kind} ({listed}{more})"


def _as_float32(tensor: Tensor) -> Tensor:
    """Return an own copy, so that no tensor of a network depends on a file that may change under it."""
    if tensor.is_floating_point():
        return tensor.to(torch.float32, copy=True)
    return tensor.clone()
