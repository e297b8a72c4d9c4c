"""The training loop: steps, epochs, validation, checkpoints; it touches no files itself."""

import math
import signal
import time
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from itertools import islice
from typing import cast

import torch
from torch import Tensor, nn

from cipa.data.augmentation import augment, sample
from cipa.data.intensity import normalise
from cipa.data.modalities import keep_inputs
from cipa.errors import DataError, UsageError
from cipa.training.graph_step import GraphedGradients, uses_cuda_graph
from cipa.training.log import Pace
from cipa.training.loss import DiceKind, segmentation_loss
from cipa.training.parts import TrainingParts
from cipa.training.schedule import learning_rate
from cipa.training.state import Position
from cipa.training.validation import Validator

Batch = dict[str, Tensor]

NO_SPREAD = "Expected more than 1 "
"""So PyTorch begins to say that a batch or instance norm is given a single value a channel."""


class Trainer:
    """Trains a network from a position to the end of its recipe, or until a stop signal."""

    def __init__(self, parts: TrainingParts) -> None:
        self.recipe = recipe = parts.recipe
        self.accelerator = accelerator = parts.accelerator
        self.model = parts.model
        self.optimizer = parts.optimizer
        self.average = parts.average
        self.drop_path = parts.drop_path
        self.loader = parts.loader
        self.validator = parts.validator
        self.checkpoints = parts.checkpoints
        self.log = parts.log
        self.stop = parts.stop
        optimisation = recipe.optimisation
        sampler = parts.loader.sampler
        self.position: Position = parts.checkpoints.position
        self.epoch_steps = sampler.slices // optimisation.batch_size
        self.total_steps = self.epoch_steps * optimisation.epochs
        self.micro_batches = sampler.share // sampler.micro_batch
        self._stopping = 0
        self._uses_cuda_graph = uses_cuda_graph(recipe, accelerator)
        self._graph_step: GraphedGradients | None = None
        self._began = time.monotonic() - self.position.seconds

    def fit(self) -> int:
        """Train to the end.

        Returns:
            0 when the recipe is done, else the number of the signal that stopped it; a state to resume from
            is then on disk.

        Raises:
            DataError: the loss or the weights are no longer finite, or a checkpoint cannot be written.
            UsageError: images are so small that a normalisation of one of them has a single value.
        """
        try:
            return self._fit()
        finally:
            if self._graph_step is not None:
                self._graph_step.release()

    def _fit(self) -> int:
        position = self.position
        if position.step and position.step % self.epoch_steps == 0:
            self._end_epoch()
        while position.step < self.total_steps and not self._stopping:
            try:
                self._train_epoch()
            except torch.OutOfMemoryError as error:
                raise DataError(
                    f"{self.accelerator.device} ran out of memory at {self.loader.sampler.micro_batch} "
                    "slices at once: start again with a lower --micro-batch"
                ) from error
            except ValueError as error:
                if not str(error).startswith(NO_SPREAD):
                    raise
                raise UsageError(
                    f"--image-size {self.recipe.network.image_size} with one slice at once leaves a "
                    "normalisation a single value: give --micro-batch 2 and an even --batch-size, or "
                    "larger images"
                ) from error
            if position.step % self.epoch_steps == 0:
                self._end_epoch()
        if position.step % self.epoch_steps:
            self._save(weights=True)
        return self._stopping if position.step < self.total_steps else 0

    def _train_epoch(self) -> None:
        epoch, start = divmod(self.position.step, self.epoch_steps)
        self.model.train()
        self.log.display.phase(f"epoch {epoch + 1}/{self.recipe.optimisation.epochs}")
        batches = self.loader.epoch(epoch, start)
        for _ in range(start, self.epoch_steps):
            began = time.monotonic()
            lr = learning_rate(self.position.step, self.total_steps, self.recipe.optimisation)
            loss = self._step(epoch, lr, islice(batches, self.micro_batches))
            self.position.step += 1
            self._write_step(epoch, lr, loss, began)
            if self._stopping:
                return
            if self.position.step % self.epoch_steps and self.checkpoints.due(self.position.step):
                self._save()

    def _step(self, epoch: int, lr: float, batches: Iterable[Batch]) -> float:
        """Do one optimiser step on one global batch; return its mean loss."""
        optimisation, accelerator = self.recipe.optimisation, self.accelerator
        total = torch.zeros((), device=accelerator.device)
        for number, batch in enumerate(batches, start=1):
            total += self._add_gradients(self._samples(epoch, batch), last=number == self.micro_batches)
        mean = self._agree(total)
        if not math.isfinite(mean):
            step = self.position.step % self.epoch_steps
            raise self._not_finite("the loss is", epoch, self.loader.sampler.batch(epoch, step))
        if optimisation.clip_norm is not None:
            accelerator.clip_grad_norm_(self.model.parameters(), optimisation.clip_norm)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=self._graph_step is None)
        if self.average is not None:
            self.average.update_parameters(accelerator.unwrap_model(self.model))
        return mean

    def _add_gradients(self, samples: tuple[Tensor, Tensor, Tensor], *, last: bool) -> Tensor:
        """Add a micro-batch's gradients; return its loss."""
        if self._uses_cuda_graph:
            if self._graph_step is None:
                self._graph_step = GraphedGradients(self._loss, samples, self.model)
            loss = self._graph_step(*samples)
            if last and self.accelerator.num_processes > 1:
                self._graph_step.average()
            return loss
        with nullcontext() if last else self.accelerator.no_sync(self.model):
            loss = self._loss(*samples)
            self.accelerator.backward(loss)
        return loss.detach()

    def _samples(self, epoch: int, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Return CT, PET and mask of a micro-batch, augmented, and draw for its drop paths."""
        indices = batch["index"].tolist()
        recipe, network = self.recipe, self.recipe.network
        parameters = sample(
            recipe.optimisation.seed, epoch, indices, recipe.augmentation, network.modality_dropout
        )
        ct, pet, mask = augment(
            normalise(batch["ct"]),
            normalise(batch["pet"]),
            batch["mask"].float(),
            parameters,
            network.suv_max if network.pet_scaling == "arcsinh" else None,
        )
        self.drop_path.draw(epoch, indices, self.accelerator.device)
        return (*keep_inputs(ct, pet, network.inputs), mask)

    def _loss(self, ct: Tensor, pet: Tensor, mask: Tensor) -> Tensor:
        """Give a micro-batch's part of the global mean loss, times what averaging gradients divides by."""
        optimisation = self.recipe.optimisation
        losses = segmentation_loss(self.model(ct, pet), mask, dice=cast(DiceKind, optimisation.dice))
        return losses.sum() * (self.accelerator.num_processes / optimisation.batch_size)

    def _agree(self, loss: Tensor) -> float:
        """Average the loss over processes, and let a stop signal to one of them be a signal to all."""
        stop = torch.full_like(loss, float(self.stop.signal > 0))
        loss, stop = self.accelerator.reduce(torch.stack([loss, stop]), reduction="mean").tolist()
        if stop:
            self._stopping = self.stop.signal or signal.SIGTERM
        return float(loss)

    def _end_epoch(self) -> None:
        """Save, validate if it is time to, save again: a kill during validation costs no training."""
        epoch, position = self.position.step // self.epoch_steps, self.position
        finished = position.step == self.total_steps
        due = finished or epoch % self.recipe.validation.validate_every == 0
        if self.validator and due and position.validated_step < position.step:
            self._save()
            self._validate(epoch, self.validator)
        every = self.recipe.running.save_every_epochs
        if finished or (every and epoch % every == 0) or self.checkpoints.due(position.step):
            self._save(weights=True)

    def _validate(self, epoch: int, validator: Validator) -> None:
        self.log.display.phase("validating")
        score = validator.score(self._kept_network())
        self.position.validated_step = self.position.step
        best = score.dice > self.position.best_dice
        if best:
            self.position.best_dice, self.position.best_step = score.dice, self.position.step
            self.checkpoints.save_best(self._kept_network())
        self.log.write_validation(epoch, self.position.step, score, best=best)

    def _kept_network(self) -> nn.Module:
        """Return what is validated and kept: the average where there is one, else the network itself."""
        return self.average.module if self.average is not None else self.accelerator.unwrap_model(self.model)

    def _write_step(self, epoch: int, lr: float, loss: float, began: float) -> None:
        now = time.monotonic()
        speed = self.recipe.optimisation.batch_size / max(1e-9, now - began)
        pace = Pace(now - self._began, speed)
        self.log.write_step(epoch + 1, self.position.step, lr, loss, pace, self.accelerator.device)

    def _save(self, *, weights: bool = False) -> None:
        self.position.seconds = time.monotonic() - self._began
        if not all(bool(parameter.isfinite().all()) for parameter in self.model.parameters()):
            raise self._not_finite("the weights are", (self.position.step - 1) // self.epoch_steps)
        if weights:
            self.checkpoints.save_last(self._kept_network())
        self.checkpoints.save_state()

    def _not_finite(self, what: str, epoch: int, batch: Sequence[int] = ()) -> DataError:
        named = [self.loader.ids[index] for index in batch[:4]]
        slices = f" on slices {', '.join(named)}{', ...' * (len(batch) > 4)}" if named else ""
        return DataError(
            f"{what} no longer finite at step {self.position.step} (epoch {epoch + 1}){slices}: nothing "
            "of it was saved; begin a new run with a lower --lr, with --clip-norm 1 or with --precision fp32"
        )
