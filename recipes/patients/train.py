"""One run: a network, batches drawn on its device, and a schedule that ends when its seconds are over."""

import math
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from cipa.models.catalogue import CATALOGUE
from cipa.models.registry import create_model
from cipa.training.ema import average_of
from cipa.training.graph_step import GraphedGradients
from cipa.training.loss import segmentation_loss
from cipa.training.optimizer import build_optimizer
from cipa.training.recipe import OptimisationRecipe
from recipes.patients.hardness import wrong_share
from recipes.patients.intensity import to_network
from recipes.patients.recipe import Recipe
from recipes.patients.sampler import Sampler
from recipes.patients.volumes import Volumes


def build(recipe: Recipe) -> Any:
    """Return the recipe's network, drawn from its seed, on the CPU."""
    torch.manual_seed(recipe.seed)
    return create_model(
        recipe.model,
        image_size=recipe.size,
        ct_window=recipe.ct_window,
        suv_max=recipe.suv_max,
        **recipe.settings,
    )


def fit(
    recipe: Recipe,
    sources: Callable[[], tuple[Volumes | None, Volumes | None]],
    device: torch.device,
    report: Callable[[int, float, float], None] | None = None,
    end: float | None = None,
    start: Path | None = None,
    again: Sequence[float] = (),
) -> tuple[Any, dict[str, Any]]:
    """Train.

    Args:
        recipe: of the run.
        sources: returns patients and phantoms on `device`, either may be None; called when kernels are
            compiled.
        device: where to train.
        report: called every now and then with the step, the share done and the loss.
        end: time (as of `time.time`) at which training ends, instead of after the recipe's seconds.
        start: weights (safetensors) to go on from.
        again: shares of the training after which `sources` is called once more, ascending, as for phantoms
            that are still being drawn.

    Returns:
        The averaged network in evaluation mode, and what the run was: steps, seconds, losses.
    """
    model = build(recipe)
    if start:
        from safetensors.torch import load_file

        model.load_state_dict(load_file(start))
    model = model.to(device).train()
    slices = getattr(model.config, "slices", 1)
    optimizer = build_optimizer(
        model, replace(OptimisationRecipe(), lr=recipe.lr, weight_decay=recipe.weight_decay)
    )
    average = average_of(model, 0.5)
    wrong = torch.zeros(recipe.batch, device=device)
    gradients: Any = _gradients(model, recipe, _like_a_batch(recipe, slices, device), wrong)
    for parameter in model.parameters():
        if parameter.grad is not None:
            parameter.grad.zero_()
    sampler = Sampler(sources(), recipe, slices)
    began, step, done, losses = time.monotonic(), 0, 0.0, []
    seconds = recipe.seconds if end is None else max(1.0, end - time.time())
    recent = torch.zeros((), device=device)
    while done < 1:
        if again and done >= again[0]:
            sampler, again = Sampler(sources(), recipe, slices), again[1:]
        for group in optimizer.param_groups:
            group["lr"] = recipe.lr * _schedule(done, recipe)
        loss = gradients(*to_network(sampler.batch(), recipe))
        if recipe.hard:
            sampler.follow(wrong)
        recent = loss if not step else torch.lerp(recent, loss, 0.05)
        torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.clip_norm)
        optimizer.step()
        optimizer.zero_grad(set_to_none=False)
        if step % 4 == 0:
            _follow(average, model, min(recipe.ema, 2 + step / 10) / 4)
        step += 1
        if step % 20 == 0 and device.type == "cuda":
            torch.cuda.synchronize()
        spent = time.monotonic() - began
        done = spent / seconds if seconds else step / recipe.steps
        if step % 100 == 0 or done >= 1:
            losses.append((step, round(float(recent), 4)))
            if not math.isfinite(losses[-1][1]):
                raise SystemExit(f"loss is no longer finite at step {step}: a lower lr")
            if report:
                report(step, done, losses[-1][1])
    return average.module.eval(), {
        "steps": step,
        "seconds": round(spent, 1),
        "losses": losses[:: max(1, len(losses) // 30)],
    }


def _like_a_batch(recipe: Recipe, slices: int, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Return CT, PET and mask of a batch's shapes: kernels are compiled for them before data are there."""
    side = (recipe.size, recipe.size)
    ct, pet = (torch.rand(recipe.batch, slices, *side, device=device) * 3.2 - 1.6 for _ in range(2))
    return ct, pet, (torch.rand(recipe.batch, 1, *side, device=device) > 0.9).float()


def _schedule(done: float, recipe: Recipe) -> float:
    if done < recipe.warmup:
        return max(0.02, done / recipe.warmup)
    rest = (done - recipe.warmup) / (1 - recipe.warmup)
    return recipe.final_lr + (1 - recipe.final_lr) * (1 + math.cos(math.pi * min(1.0, rest))) / 2


def _follow(average: Any, model: nn.Module, span: float) -> None:
    """Move the average towards the network by one part in `span`."""
    share = 1 / max(1.0, span)
    with torch.no_grad():
        own, other = list(average.module.state_dict().values()), list(model.state_dict().values())
        pairs = [(a, b) for a, b in zip(own, other, strict=True) if a.is_floating_point()]
        torch._foreach_lerp_([a for a, _ in pairs], [b for _, b in pairs], share)


def _gradients(
    model: nn.Module, recipe: Recipe, first: tuple[Tensor, ...], wrong: Tensor
) -> Callable[..., Tensor]:
    """Return what adds a batch's gradients and returns its loss: for our networks a CUDA graph on a GPU.

    It writes how wrong each image is to `wrong` (B,).
    """
    cuda = wrong.is_cuda
    recorded = cuda and CATALOGUE[recipe.model].family in ("CIPA", "Sigma")

    def loss_of(ct: Tensor, pet: Tensor, mask: Tensor) -> Tensor:
        with torch.autocast("cuda", torch.bfloat16) if cuda else nullcontext():
            logits = model(ct, pet)
        wrong.copy_(wrong_share(logits.detach(), mask))
        return segmentation_loss(logits, mask, "batch" if recipe.pooled_dice else "image").mean()

    if recorded:
        return GraphedGradients(loss_of, first, model)

    def eager(*inputs: Tensor) -> Tensor:
        loss = loss_of(*inputs)
        loss.backward()
        return loss.detach()

    return eager
