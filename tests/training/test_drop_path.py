"""Drop path by sample: the same draws however samples are batched, at the rate asked for."""

import torch
from torch import nn

from cipa.models.layers import DropPath
from cipa.training.drop_path import SampledDropPath, sample_drop_paths


def network(rate=0.4):
    model = nn.Sequential(DropPath(rate), nn.Sequential(DropPath(rate), DropPath(0.0)))
    return model, sample_drop_paths(model, seed=5)


def kept(model, draws, epoch, indices, copies=1):
    draws.draw(epoch, indices, torch.device("cpu"))
    return [layer(torch.ones(len(indices) * copies, 1, 2)) for layer in (model[0], model[1][0], model[1][1])]


def test_every_drop_path_is_replaced():
    model, draws = network()
    assert draws.layers == 3
    assert not any(type(module) is DropPath for module in model.modules())
    assert [type(module) for module in (model[0], *model[1])] == [SampledDropPath] * 3


def test_a_sample_has_its_draws_whatever_the_batch():
    model, draws = network()
    together = kept(model, draws, 3, [7, 1, 9, 4])
    apart = [kept(model, draws, 3, [7, 1]), kept(model, draws, 3, [9, 4])]
    for layer, whole in enumerate(together):
        torch.testing.assert_close(torch.cat([part[layer] for part in apart]), whole)


def test_as_many_draws_again_are_written_where_the_last_ones_were():
    model, draws = network()
    kept(model, draws, 0, [0, 1, 2])
    before = draws.of(0, 3)
    values = before.clone()
    draws.draw(1, [3, 4, 5], torch.device("cpu", 0))  # a name for the same device
    assert draws.of(0, 3).data_ptr() == before.data_ptr()
    assert not torch.equal(before, values)


def test_ct_and_pet_of_a_sample_are_dropped_each_by_itself():
    model, draws = network()
    indices = list(range(500))
    ct, pet = kept(model, draws, 0, indices, copies=2)[0][:, 0, 0].chunk(2)
    assert torch.equal(ct, kept(model, draws, 0, indices)[0][:, 0, 0])
    assert 0.4 < (ct == pet).float().mean() < 0.65  # 0.6^2 + 0.4^2 = 0.52 where independent


def test_layers_epochs_and_rates_differ_and_the_mean_is_kept():
    model, draws = network()
    indices = list(range(2000))
    first, second, never = kept(model, draws, 0, indices)
    assert not torch.equal(first, second)
    assert not torch.equal(first, kept(model, draws, 1, indices)[0])
    assert torch.equal(never, torch.ones_like(never))
    assert set(first.unique().tolist()) == {0.0, torch.tensor(1 / 0.6).item()}
    assert abs(first.mean().item() - 1) < 0.06


def test_evaluation_drops_nothing():
    model, _ = network()
    x = torch.ones(3, 2)
    assert torch.equal(model.eval()(x), x)
