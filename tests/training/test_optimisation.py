"""Loss, schedule, parameter groups, average: each against its definition."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from cipa.training.ema import average_of
from cipa.training.loss import segmentation_loss
from cipa.training.optimizer import build_optimizer, raw_parameters, split_by_decay
from cipa.training.recipe import OptimisationRecipe
from cipa.training.schedule import learning_rate
from cipa.training.seeds import Purpose, derive


def test_the_loss_is_cross_entropy_plus_soft_dice_of_each_image():
    draw = np.random.default_rng(0)
    logits, mask = draw.normal(0, 2, (3, 1, 8, 8)), draw.integers(0, 2, (3, 1, 8, 8)).astype(float)
    mask[1] = 0
    p = 1 / (1 + np.exp(-logits))
    axes = (1, 2, 3)
    cross_entropy = -(mask * np.log(p) + (1 - mask) * np.log(1 - p)).mean(axes)
    dice = (2 * (p * mask).sum(axes) + 1) / (p.sum(axes) + mask.sum(axes) + 1)

    found = segmentation_loss(torch.tensor(logits), torch.tensor(mask))
    np.testing.assert_allclose(found.numpy(), cross_entropy + 1 - dice, rtol=1e-5)


def test_the_loss_of_a_batch_is_the_mean_of_its_parts():
    logits, mask = torch.randn(4, 1, 8, 8), (torch.rand(4, 1, 8, 8) > 0.5).float()
    whole = segmentation_loss(logits, mask).mean()
    parts = [segmentation_loss(logits[i : i + 2], mask[i : i + 2]).sum() / 4 for i in (0, 2)]
    torch.testing.assert_close(sum(parts), whole)


def test_the_pooled_loss_has_one_dice_of_all_images():
    logits, mask = torch.randn(3, 1, 8, 8), (torch.rand(3, 1, 8, 8) > 0.5).float()
    mask[1] = 0
    each = torch.nn.functional.binary_cross_entropy_with_logits(logits, mask, reduction="none").mean(
        (1, 2, 3)
    )
    p = torch.sigmoid(logits)
    dice = (2 * (p * mask).sum() + 1) / (p.sum() + mask.sum() + 1)
    torch.testing.assert_close(segmentation_loss(logits, mask, "batch"), each + 1 - dice)


def test_a_false_mark_on_a_healthy_image_weighs_more_in_the_pooled_loss():
    logits = torch.full((2, 1, 16, 16), 1.0, requires_grad=True)
    mask = torch.zeros(2, 1, 16, 16)
    mask[0] = 1

    def of_dice(kind: str) -> torch.Tensor:
        entropy = torch.nn.functional.binary_cross_entropy_with_logits(logits, mask)
        dice = segmentation_loss(logits, mask, kind).mean() - entropy
        return torch.autograd.grad(dice, logits)[0][1].mean()

    assert of_dice("batch") > 10 * of_dice("image") > 0


def test_without_smoothing_an_image_without_tumour_is_left_to_the_cross_entropy():
    logits = torch.randn(2, 1, 16, 16, requires_grad=True)
    mask = torch.zeros(2, 1, 16, 16)
    mask[0, 0, :4] = 1
    entropy = torch.nn.functional.binary_cross_entropy_with_logits(logits, mask, reduction="none")
    dice = segmentation_loss(logits, mask, "no-smoothing") - entropy.mean((1, 2, 3))
    p = torch.sigmoid(logits[0])
    torch.testing.assert_close(dice[0], 1 - 2 * (p * mask[0]).sum() / (p.sum() + mask[0].sum()))
    torch.testing.assert_close(dice[1], torch.tensor(1.0))
    assert torch.autograd.grad(dice.sum(), logits)[0][1].abs().max() < 1e-9


def test_the_published_schedule_is_half_a_cosine_from_lr_to_a_millionth_of_it():
    recipe = OptimisationRecipe()
    assert learning_rate(0, 100, recipe) == 6e-5
    assert learning_rate(50, 100, recipe) == pytest.approx(3e-5, rel=1e-5)
    assert learning_rate(100, 100, recipe) == pytest.approx(6e-11, rel=1e-9)
    assert learning_rate(25, 100, recipe) == pytest.approx(6e-5 * (1 + math.cos(math.pi / 4)) / 2, rel=1e-5)


def test_warm_up_rises_in_a_line_and_then_joins_the_cosine():
    recipe = OptimisationRecipe(lr=1.0, warmup_steps=4)
    rates = [learning_rate(step, 20, recipe) for step in range(20)]
    assert rates[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert rates[4:] == sorted(rates[4:], reverse=True)


@pytest.fixture(scope="module")
def tiny():
    from cipa.models.registry import create_model

    with torch.device("meta"):
        return create_model("tiny")


def test_the_published_grouping_leaves_219_tensors_out(tiny):
    left_out = raw_parameters(tiny)
    assert len(list(tiny.parameters())) == 776
    assert len(left_out) == 219
    assert sum(parameter.numel() for parameter in left_out) == pytest.approx(8.67e6, rel=1e-3)


def test_every_parameter_is_trained_once_and_none_of_biases_norms_and_states_decays(tiny):
    with_decay, without = (set(map(id, group)) for group in split_by_decay(tiny))
    assert not with_decay & without
    assert len(with_decay | without) == 776
    for name, parameter in tiny.named_parameters():
        exempt = name.endswith(("bias", "A_logs", "Ds")) or "norm" in name or parameter.ndim < 2
        assert (id(parameter) in without) == exempt, name


def test_the_published_grouping_freezes_what_it_leaves_out():
    model = nn.Sequential(nn.Linear(2, 2))
    model.raw = nn.Parameter(torch.ones(2, 2))
    optimizer = build_optimizer(model, OptimisationRecipe(parameters="published"))
    assert not model.raw.requires_grad
    assert [group["weight_decay"] for group in optimizer.param_groups] == [1e-2, 0.0]
    assert sum(len(group["params"]) for group in optimizer.param_groups) == 2


def test_the_average_follows_parameters_and_running_statistics():
    model = nn.BatchNorm2d(1)
    average = average_of(model, 0.9)
    average.update_parameters(model)
    with torch.no_grad():
        model.weight.fill_(2)
        model.running_mean.fill_(10)
    average.update_parameters(model)
    assert average.module.weight.item() == pytest.approx(0.9 * 1 + 0.1 * 2)
    assert average.module.running_mean.item() == pytest.approx(0.1 * 10)


def test_seeds_differ_by_purpose_and_place_and_are_the_same_again():
    seeds = {derive(seed, purpose, place) for seed in (0, 1) for purpose in Purpose for place in range(50)}
    assert len(seeds) == 2 * len(Purpose) * 50
    assert derive(42, Purpose.ORDER, 3) == derive(42, Purpose.ORDER, 3)
    assert all(0 <= seed < 2**63 for seed in seeds)
