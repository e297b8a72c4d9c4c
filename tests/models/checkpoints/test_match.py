"""Tensors of a file are those of the network, or what is wrong with them is listed in one line."""

from pathlib import Path

import pytest
import torch
from torch import nn

from cipa.errors import DataError
from cipa.models.checkpoints.match import build, require_match

PATH = Path("CIPA.pth")


def network():
    return nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))


def tensors(**changes):
    torch.manual_seed(0)
    found = {name: tensor.clone() for name, tensor in network().state_dict().items()}
    for name, tensor in changes.items():
        key = name.replace("_", ".", 1)
        if tensor is None:
            del found[key]
        else:
            found[key] = tensor
    return found


def complaint(found):
    with pytest.raises(DataError) as caught:
        require_match(network().state_dict(), found, PATH, lambda name: f"theirs.{name}")
    line = str(caught.value)
    assert line.startswith("CIPA.pth does not fit the network: ")
    assert "\n" not in line
    return line.removeprefix("CIPA.pth does not fit the network: ")


def test_a_network_is_built_of_the_tensors_without_drawing_any():
    torch.manual_seed(7)
    before = torch.get_rng_state()
    found = tensors()
    torch.set_rng_state(before)
    model = build(network, found, PATH, str)
    assert torch.equal(torch.get_rng_state(), before)
    assert not model.training
    assert all(torch.equal(tensor, found[name]) for name, tensor in model.state_dict().items())


def test_a_network_keeps_no_tensor_of_the_file():
    found = tensors()
    model = build(network, found, PATH, str)
    found["0.weight"].zero_()
    assert model[0].weight.abs().sum() > 0


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_weights_of_another_precision_become_float32(dtype):
    found = {name: t.to(dtype) if t.is_floating_point() else t for name, t in tensors().items()}
    model = build(network, found, PATH, str)
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert model[1].num_batches_tracked.dtype == torch.int64


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"0_bias": None}, "1 missing (theirs.0.bias)"),
        ({"2_bias": torch.zeros(1)}, "1 left over (theirs.2.bias)"),
        ({"0_bias": torch.zeros(5)}, "1 of a wrong shape (theirs.0.bias [5], must be [2])"),
        ({"0_bias": torch.zeros(2, dtype=torch.int64)}, "1 of a wrong type (theirs.0.bias int64)"),
        ({"0_bias": torch.zeros(2, dtype=torch.bool)}, "1 of a wrong type (theirs.0.bias bool)"),
        ({"0_bias": torch.zeros(2, dtype=torch.complex64)}, "1 of a wrong type (theirs.0.bias complex64)"),
        ({"1_num_batches_tracked": torch.tensor(1.5)}, "1 of a wrong type (theirs.1.num_batches_tracked"),
        ({"0_bias": torch.zeros(2).to_sparse()}, "float32, sparse"),
        ({"0_bias": torch.zeros(2, device="meta")}, "float32 on meta"),
        ({"0_bias": torch.tensor([0.0, torch.nan])}, "1 not finite (theirs.0.bias)"),
        ({"0_bias": torch.tensor([0.0, -torch.inf])}, "1 not finite (theirs.0.bias)"),
    ],
)
def test_what_does_not_fit_is_named_as_the_file_calls_it(changes, line):
    assert line in complaint(tensors(**changes))


def test_everything_that_is_wrong_is_said_at_once_and_long_lists_are_cut():
    wrong = {"0_weight": torch.zeros(9), "0_bias": torch.full((2,), torch.nan)}
    found = tensors(**wrong) | {f"extra.{number}": torch.zeros(1) for number in range(9)}
    line = complaint(found)
    assert line.count(";") == 2
    assert "9 left over (theirs.extra.0, theirs.extra.1, theirs.extra.2 and 6 more)" in line


def test_values_of_a_wrong_shape_are_not_looked_at():
    """A tensor that claims a terabyte by its strides would be looked at for hours."""
    endless = torch.tensor([torch.nan]).expand(2**38)
    line = complaint(tensors(**{"0_bias": endless}))
    assert "1 of a wrong shape" in line
    assert "not finite" not in line
