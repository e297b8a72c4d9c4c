"""The whole tool as one object: grey slices or volumes in, tumour probabilities out."""

from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from cipa.data.intensity import normalise
from cipa.errors import DataError, UsageError
from cipa.inference.device import choose_device
from cipa.inference.modalities import with_inputs
from cipa.inference.volume import predict_volume
from cipa.io.nifti import Volume

PRECISIONS = {"float32": None, "bf16": torch.bfloat16, "fp16": torch.float16}
"""Names of precisions, each with the dtype that autocast computes in."""


class Predictor:
    """A network made ready to segment: on its device, in evaluation mode, with its threshold.

    One predictor may be used by several threads at once, and can be pickled to another process.

    Attributes:
        model: the network, moved to `device`.
        device: where it runs.
        batch_size: slice pairs a forward pass; memory on the device grows with it.
        threshold: probability from which a pixel is tumour.
        precision: `float32`, `bf16` or `fp16` (the latter two by autocast).
    """

    def __init__(
        self,
        model: nn.Module,
        device: str | torch.device = "auto",
        batch_size: int = 4,
        threshold: float | None = None,
        precision: str = "float32",
    ) -> None:
        """Move `model` to its device and put it in evaluation mode.

        Args:
            model: `cipa.CIPA`, or any module that maps two float32 (B, 1, S, S) to logits (B, 1, S, S) and
                has a `config` with `image_size`, `num_classes`, `threshold`, `ct_window` and `suv_max`.
            device: as `choose_device` takes it.
            batch_size: slice pairs a forward pass.
            threshold: 0 to 1; by default the one stored with the model.
            precision: `float32`, `bf16` or `fp16`.

        Raises:
            UsageError: a value is out of its range, or the model has more than one class.
        """
        self.config = cast(Any, model).config
        self.batch_size = batch_size
        self.threshold: float = self.config.threshold if threshold is None else threshold
        self.precision = precision
        self._check()
        self.device = choose_device(device)
        self.model = with_inputs(model).to(self.device).eval()

    @property
    def image_size(self) -> int:
        """Side of the network's square image in pixels."""
        return int(self.config.image_size)

    def predict_slices(
        self, ct: npt.NDArray[np.uint8], pet: npt.NDArray[np.uint8]
    ) -> npt.NDArray[np.float32]:
        """Segment slice pairs, `batch_size` at a time.

        Args:
            ct: uint8 (S, H, W), CT windowed to 0-255; H and W are the network's `image_size`.
            pet: uint8 (S, H, W), SUV scaled to 0-255.

        Returns:
            float32 (S, H, W), probability of tumour, 0 to 1.

        Raises:
            DataError: shape or dtype is another, the network's answer is not finite, or memory ran out.
        """
        self._check_slices(ct, pet)
        probability = np.empty(ct.shape, dtype=np.float32)
        for batch in self.batches(len(ct)):
            probability[batch] = self._forward(ct[batch], pet[batch])
        return probability

    def predict_volume(self, ct: Volume, pet: Volume, **options: Any) -> npt.NDArray[np.float32]:
        """Segment a pair of volumes: CT in HU, PET in SUV on any grid of the same world.

        Args:
            ct: the CT; the answer is on its grid.
            pet: the PET.
            options: `fit`, `field_of_view`, `ct_window`, `suv_max`, `progress`, as
                `cipa.inference.volume.predict_volume` takes them.

        Returns:
            float32 of the shape of `ct`, probability of tumour, 0 to 1.

        Raises:
            DataError: a volume cannot be what it is said to be, or the two lie apart.
        """
        return predict_volume(self, ct, pet, **options)

    def mask(self, probability: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
        """Return 1 where the probability of tumour reaches the threshold, else 0, of the same shape."""
        return (probability >= self.threshold).view(np.uint8)

    def batches(self, slices: int) -> Iterator[slice]:
        """Cut a number of slices into runs of at most `batch_size`."""
        for first in range(0, slices, self.batch_size):
            yield slice(first, min(first + self.batch_size, slices))

    def _forward(self, ct: npt.NDArray[np.uint8], pet: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        try:
            with torch.inference_mode(), self._autocast():
                logits = self.model(self._to_device(ct), self._to_device(pet)).float()
                finite = bool(torch.isfinite(logits).all())
        except torch.OutOfMemoryError as error:
            raise DataError(
                f"{self.device} ran out of memory at a batch of {len(ct)}: take a smaller batch, or the CPU"
            ) from error
        if not finite:
            raise DataError(
                f"the network's answer is not finite in {self.precision}: use float32, or other weights"
            )
        return logits.sigmoid()[:, 0].cpu().numpy()

    def _to_device(self, grey: npt.NDArray[np.uint8]) -> torch.Tensor:
        """Send bytes and normalise there: a quarter of the traffic."""
        own = np.array(grey, order="C")  # a view may be read-only or run backwards, which torch does not take
        return normalise(torch.from_numpy(own)[:, None].to(self.device))

    def _autocast(self) -> torch.autocast:
        dtype = PRECISIONS[self.precision]
        return torch.autocast(self.device.type, dtype=dtype or torch.bfloat16, enabled=dtype is not None)

    def _check(self) -> None:
        if self.batch_size < 1:
            raise UsageError(f"batch size {self.batch_size}: give at least 1")
        if not 0 < self.threshold < 1:
            raise UsageError(f"threshold {self.threshold:g}: give a probability between 0 and 1")
        if self.precision not in PRECISIONS:
            raise UsageError(f"unknown precision '{self.precision}': choose {', '.join(PRECISIONS)}")
        if self.config.num_classes != 1:
            raise UsageError(
                f"weights of {self.config.num_classes} classes: prediction takes weights of 1 class"
            )

    def _check_slices(self, ct: npt.NDArray[np.uint8], pet: npt.NDArray[np.uint8]) -> None:
        expected = (len(ct), self.image_size, self.image_size)
        for name, images in (("CT", ct), ("PET", pet)):
            if images.shape != expected:
                raise DataError(
                    f"{name} slices of shape {images.shape}: these weights take {expected}; resize them "
                    "or use weights of another image size"
                )
            if images.dtype != np.uint8:
                raise DataError(f"{name} slices of {images.dtype}: scale them to 0-255 and pass uint8")
