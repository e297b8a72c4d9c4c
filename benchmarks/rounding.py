"""What half precision costs a network of random weights, piece by piece: the parity pair, all else float32.

A mask of random weights lies wherever noise puts it, so that its Dice tells rounding apart better than a
trained network's, and worse than anyone will see. Each row rounds one thing and computes in float32: what no
arithmetic that rounds it so can do better than.
"""

from collections.abc import Iterator
from contextlib import ExitStack

import numpy as np
import torch
from tests.models.parity_fill import make_pair
from tests.models.parity_network import parity_network
from torch import Tensor, nn

from benchmarks.harness import Row, require

STRIDE = 5
"""Of the golden logits."""

HALF = torch.bfloat16, torch.float16
PRODUCTS = nn.Linear, nn.Conv2d
KEPT = "A_logs"
"""Two axes, but no product's: every form of the scan reads it in float32."""


def run() -> list[Row]:
    """Require the published code's logits of unrounded weights, then round one thing after the other."""
    model, golden = parity_network("tiny")
    ct, pet = map(torch.from_numpy, make_pair(7))
    pair = ct, pet
    exact = _logits(model, pair)
    error = np.abs(exact.numpy()[::STRIDE, ::STRIDE] - golden["logits"]).max()
    require(bool(error < 5e-4), f"float32 logits are {error:.1e} from the published code's")
    rows = []
    for dtype in HALF:
        name = str(dtype).removeprefix("torch.")
        for what, found in _rounded(model, pair, dtype):
            rows.append(Row("rounding", f"tiny, parity pair, {what} in {name}", _dice(exact, found), "Dice"))
    return rows


def _rounded(
    model: nn.Module, pair: tuple[Tensor, Tensor], dtype: torch.dtype
) -> Iterator[tuple[str, Tensor]]:
    def narrow(tensor: Tensor) -> Tensor:
        return tensor.to(dtype).float()

    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    for part, what in (("", "weights"), ("encoder.", "the encoder's weights"), ("decoder.", "the decoder's")):
        model.load_state_dict(
            {
                name: narrow(tensor) if _is_products(name, tensor) and name.startswith(part) else tensor
                for name, tensor in state.items()
            }
        )
        yield what, _logits(model, pair)
    model.load_state_dict(state)
    yield "images", _logits(model, (narrow(pair[0]), narrow(pair[1])))
    with ExitStack() as stack:
        for module in _products(model):
            hook = module.register_forward_pre_hook(lambda _, inputs: tuple(map(narrow, inputs)))
            stack.callback(hook.remove)
        yield "what layers take", _logits(model, pair)
    with ExitStack() as stack:
        for module in _products(model):
            stack.callback(module.register_forward_hook(lambda _, __, out: narrow(out)).remove)
        yield "what layers give", _logits(model, pair)
    with torch.autocast("cpu", dtype):
        yield "autocast", _logits(model, pair)


def _is_products(name: str, tensor: Tensor) -> bool:
    return tensor.ndim >= 2 and KEPT not in name


def _products(model: nn.Module) -> list[nn.Module]:
    return [module for module in model.modules() if isinstance(module, PRODUCTS)]


def _logits(model: nn.Module, pair: tuple[Tensor, Tensor]) -> Tensor:
    with torch.inference_mode():
        return model(*pair)[0, 0].float()


def _dice(exact: Tensor, found: Tensor) -> float:
    one, other = exact > 0, found > 0
    return (2 * (one & other).sum() / (one.sum() + other.sum())).item()
