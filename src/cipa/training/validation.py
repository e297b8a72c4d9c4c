"""Scores on held-out slices, divided among processes without counting one twice."""

import copy
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import gather_object
from torch import Tensor, nn
from torch.utils.data import DataLoader, Subset

from cipa.data.intensity import normalise
from cipa.data.modalities import keep_inputs
from cipa.data.pclt20k import PCLT20K
from cipa.evaluation.published import PublishedProtocol
from cipa.evaluation.volume_dice import VolumeDice
from cipa.training.loader import start_reader, to_device
from cipa.training.loss import segmentation_loss


@dataclass(frozen=True)
class Score:
    """One validation, under the published protocol: pixels of all slices pooled, threshold of the network.

    Attributes:
        iou: in [0, 1].
        dice: in [0, 1]; NaN where neither truth nor prediction has tumour.
        acc: mean of sensitivity and specificity, in [0, 1].
        hd95: mean over slices in pixels; NaN where not asked for.
        volume_dice: 3-D Dice of whole patients, their mean; NaN where slices make no volumes.
        fp_ml: volume of lesions where none is, the mean over patients, mL; NaN without spacing too.
        loss: mean over slices.
    """

    iou: float
    dice: float
    acc: float
    hd95: float
    loss: float
    volume_dice: float = math.nan
    fp_ml: float = math.nan


class Validator:
    """Validates on a fixed set of slices; each process takes every n-th one."""

    def __init__(
        self,
        dataset: PCLT20K,
        accelerator: Accelerator,
        batch_size: int,
        workers: int,
        *,
        hd95: bool,
        inputs: str = "ct+pet",
        volumes: VolumeDice | None = None,
    ) -> None:
        """Read the slices in processes of their own.

        Args:
            dataset: the slices.
            accelerator: devices and processes of the run.
            batch_size: slices of a forward pass.
            workers: processes that read.
            hd95: whether to score it.
            inputs: what the network is shown.
            volumes: empty, of the patients' spacings; None where slices make no volumes.
        """
        self._volumes = volumes
        self.dataset = dataset
        self.accelerator = accelerator
        self.hd95 = hd95
        self.inputs = inputs
        rank, processes = accelerator.process_index, accelerator.num_processes
        self._loader = DataLoader(
            Subset(dataset, range(rank, len(dataset), processes)),
            batch_size=batch_size,
            num_workers=workers,
            pin_memory=accelerator.device.type == "cuda",
            worker_init_fn=start_reader,
            generator=torch.Generator(),  # its own, as the default one draws from torch's global stream
        )

    @torch.inference_mode()
    def score(self, model: nn.Module) -> Score:
        """Score `model` on all slices; every process gets the same result.

        Args:
            model: unwrapped network on the training device with a `config.threshold`; left in the mode it
                came in.
        """
        training, threshold = model.training, cast(Any, model).config.threshold
        model.eval()
        protocol, volumes = PublishedProtocol(surfaces=self.hd95), copy.deepcopy(self._volumes)
        losses: list[tuple[int, float]] = []
        for batch, logits in self._predictions(model):
            losses += zip(
                batch["index"].tolist(), segmentation_loss(logits, batch["mask"]).tolist(), strict=True
            )
            self._update(protocol, volumes, batch, torch.sigmoid(logits) > threshold)
        model.train(training)
        return self._pool(protocol, volumes, losses)

    def _predictions(self, model: nn.Module) -> Iterator[tuple[dict[str, Tensor], Tensor]]:
        for batch in self._loader:
            batch = to_device(batch, self.accelerator.device)
            with self.accelerator.autocast():
                pair = keep_inputs(normalise(batch["ct"]), normalise(batch["pet"]), self.inputs)
                logits = model(*pair)
            yield batch, logits.float()

    def _update(
        self,
        protocol: PublishedProtocol,
        volumes: VolumeDice | None,
        batch: dict[str, Tensor],
        prediction: Tensor,
    ) -> None:
        masks: Iterator[tuple[int, np.ndarray, np.ndarray]] = zip(
            batch["index"].tolist(),
            prediction[:, 0].cpu().numpy(),
            batch["mask"][:, 0].cpu().numpy(),
            strict=True,
        )
        for index, predicted, truth in masks:
            protocol.update(self.dataset.ids[index], predicted, truth)
            if volumes is not None:
                volumes.update(self.dataset.ids[index], predicted, truth)

    def _pool(
        self, protocol: PublishedProtocol, volumes: VolumeDice | None, losses: list[tuple[int, float]]
    ) -> Score:
        for other in gather_object([protocol]):
            protocol.merge(other)
        means = None
        if volumes is not None:
            for other in gather_object([volumes]):
                volumes.merge(other)
            means = volumes.result()
        every_loss = dict(gather_object(losses))
        result = protocol.result()
        loss = math.fsum(every_loss[index] for index in sorted(every_loss)) / len(every_loss)
        whole = (means.dice, means.fp_ml) if means else (math.nan, math.nan)
        return Score(result.iou, result.dice, result.acc, result.hd95, loss, *whole)
