"""Grey slices in, probability of tumour out: networks on their device, one or an ensemble."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from itertools import pairwise
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import torch

from cipa.data.intensity import normalise
from cipa.devices import choose_device
from cipa.errors import DataError, UsageError
from cipa.inference.compiled import compile_on_gpu
from cipa.inference.modalities import with_inputs
from cipa.inference.weights import Weights, digest_of, load_members, stored_settings

PRECISIONS = {"float32": None, "bf16": torch.bfloat16, "fp16": torch.float16}
"""Names of precisions, each with the dtype that autocast computes in where the network is not compiled."""


FLIPS: dict[str | None, tuple[tuple[int, ...], ...]] = {None: ((),), "flips": ((), (-1,), (-2,), (-2, -1))}
"""Axes of (B, 1, S, S) flipped before a forward pass, its probability flipped back, by name of `tta`."""


class SlicePredictor:
    """A network or an ensemble ready for prediction: on its device, in evaluation mode, with its threshold.

    On an NVIDIA GPU CIPA networks are compiled for `batch_size`, as `cipa.compile_model` does, and smaller
    batches filled up to it. One predictor may be used by several threads at once, and can be pickled to
    another process. It prints nothing, installs no signal handler and leaves torch's settings as they are.

    Attributes:
        models: the networks, moved to `device`; probabilities are the mean over them.
        names: what to call each: a file's name.
        device: where they run.
        batch_size: slice pairs a forward pass; memory on the device grows with it.
        threshold: probability from which a pixel is tumour.
        smallest_ml: volume below which a lesion of a study is left out, as stored with the weights.
        shortest_mm: length across the slices below which one is left out, stored likewise.
        min_suv: SUVmax below which one is left out, stored likewise.
        precision: `float32`, `bf16` or `fp16`: of a compiled network, or by autocast.
        tta: `flips` for the mean over four flips of every slice, or None.
        inputs: what the networks are shown, None for what each was trained on.
        passes: forward passes that run side by side, each on its share of a batch.
        digest: sixteen hexadecimal digits that are the same for the same weights.
        warnings: settings in which the members of an ensemble differ, a line each.
    """

    def __init__(
        self,
        weights: Weights = None,
        device: str | torch.device = "auto",
        batch_size: int = 4,
        threshold: float | None = None,
        precision: str = "float32",
        tta: str | None = None,
        inputs: str | None = None,
        passes: int = 1,
    ) -> None:
        """Load the networks, move them to their device, put them in evaluation mode and compile them.

        Args:
            weights: a path, as `cipa.load_model` takes it; a network: `cipa.CIPA`, or any module that maps
                two float32 (B, 1, S, S) to logits (B, 1, S, S) and has a `config` with `image_size`,
                `num_classes`, `threshold`, `ct_window` and `suv_max`; several of either, as an ensemble;
                None for the weights that come with the package.
            device: as `choose_device` takes it.
            batch_size: slice pairs a forward pass.
            threshold: 0 to 1; by default the one stored with the weights, an ensemble's mean.
            precision: `float32`, `bf16` or `fp16`.
            tta: test-time augmentation: None or `flips`, which takes four times as long.
            inputs: `ct`, `pet` or `ct+pet`: what the networks are shown of a study that holds both, the rest
                is black; by default what each was trained on.
            passes: into how many forward passes a batch is cut on a CPU, which then run side by side:
                `cipa.inference.passes.split_threads` gives each its threads.

        Raises:
            DataError: a file cannot be read.
            UsageError: a value is out of its range, a network has more than one class, or an ensemble's
                members do not take the same images.
            DataError: the GPU's memory does not do for a batch.
        """
        self.models, self.names = load_members(weights)
        self.config = cast(Any, self.models[0]).config
        self.batch_size = batch_size
        stored = stored_settings(self.models, threshold)
        self.threshold, self.smallest_ml = stored.threshold, stored.smallest_ml
        self.shortest_mm, self.min_suv = stored.shortest_mm, stored.min_suv
        self.warnings = stored.warnings
        self.precision = precision
        self.tta = tta
        self.inputs = inputs
        self.passes = passes
        self._check()
        self.device = choose_device(device)
        self.models = [with_inputs(model, inputs).eval() for model in self.models]
        self.digest = digest_of(self.models)  # before they go to a GPU: copied back it takes longer
        self.models = [model.to(self.device) for model in self.models]
        self._make_ready()

    def _make_ready(self) -> None:
        """Make what belongs to this process: CUDA graphs, threads."""
        self._networks = compile_on_gpu(self.models, self.batch_size, self.precision)
        self._pool = ThreadPoolExecutor(self.passes, "cipa-passes")

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what belongs to this process."""
        return {name: value for name, value in vars(self).items() if name not in ("_networks", "_pool")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Make again what was left out."""
        vars(self).update(state)
        self._make_ready()

    @property
    def image_size(self) -> int:
        """Side of the network's square image in pixels."""
        return int(self.config.image_size)

    @property
    def slices(self) -> int:
        """Axial slices of each modality that the network sees at once: 1, or 3."""
        return int(getattr(self.config, "slices", 1))

    def predict_slices(
        self, ct: npt.NDArray[np.uint8], pet: npt.NDArray[np.uint8]
    ) -> npt.NDArray[np.float32]:
        """Segment slice pairs, `batch_size` at a time.

        Args:
            ct: uint8 (S, H, W), CT windowed to 0-255; H and W are the network's `image_size`. A network of
                three slices takes (S, 3, H, W), each between its neighbours (`cipa.data.neighbours`).
            pet: like `ct`, SUV scaled to 0-255.

        Returns:
            float32 (S, H, W), probability of tumour, 0 to 1.

        Raises:
            DataError: shape or dtype is another, the network's answer is not finite, or memory ran out.
        """
        self._check_slices(ct, pet)
        probability = np.empty((len(ct), *ct.shape[-2:]), dtype=np.float32)
        for batch in self.batches(len(ct)):
            probability[batch] = self._side_by_side(ct[batch], pet[batch])
        return probability

    def mask(self, probability: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
        """Return 1 where the probability of tumour reaches the threshold, else 0, of the same shape."""
        return (probability >= self.threshold).view(np.uint8)

    def batches(self, slices: int) -> Iterator[slice]:
        """Cut a number of slices into runs of at most `batch_size`."""
        for first in range(0, slices, self.batch_size):
            yield slice(first, min(first + self.batch_size, slices))

    def _side_by_side(self, ct: npt.NDArray[np.uint8], pet: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Segment a batch by as many forward passes as there are slices for."""
        passes = min(self.passes, len(ct))
        if passes == 1:
            return self._forward(ct, pet)
        bounds = [len(ct) * number // passes for number in range(passes + 1)]
        jobs = [  # a thread does not know what the caller's context holds, such as a forced backend
            self._pool.submit(copy_context().run, self._forward, ct[first:last], pet[first:last])
            for first, last in pairwise(bounds)
        ]
        return np.concatenate([job.result() for job in jobs])

    def _forward(self, ct: npt.NDArray[np.uint8], pet: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        try:
            with torch.inference_mode(), self._autocast():
                mean, finite = self._mean_probability(self._to_device(ct), self._to_device(pet))
        except torch.OutOfMemoryError as error:
            raise DataError(
                f"{self.device} ran out of memory at a batch of {len(ct)}: take a smaller batch, or the CPU"
            ) from error
        if not finite:
            raise DataError(
                f"the network's answer is not finite in {self.precision}: use float32, or other weights"
            )
        return mean[:, 0].cpu().numpy()

    def _mean_probability(self, ct: torch.Tensor, pet: torch.Tensor) -> tuple[torch.Tensor, bool]:
        """Return the mean over networks and flips of the probability (B, 1, S, S); were all logits finite?"""
        probabilities, finite = [], []
        for model in self._networks:
            for axes in FLIPS[self.tta]:
                logits = model(_flip(ct, axes), _flip(pet, axes)).float()
                finite.append(torch.isfinite(logits).all())
                probabilities.append(_flip(logits.sigmoid(), axes))
        mean = probabilities[0] if len(probabilities) == 1 else torch.stack(probabilities).mean(dim=0)
        return mean, bool(torch.stack(finite).all())

    def _to_device(self, grey: npt.NDArray[np.uint8]) -> torch.Tensor:
        """Send bytes and normalise there: a quarter of the traffic."""
        own = np.array(grey, order="C")  # a view may be read-only or run backwards, which torch does not take
        images = torch.from_numpy(own)
        return normalise((images if own.ndim == 4 else images[:, None]).to(self.device))

    def _autocast(self) -> torch.autocast:
        dtype = PRECISIONS[self.precision] if self._networks is self.models else None
        return torch.autocast(self.device.type, dtype=dtype or torch.bfloat16, enabled=dtype is not None)

    def _check(self) -> None:
        if self.batch_size < 1:
            raise UsageError(f"batch size {self.batch_size}: give at least 1")
        if self.passes < 1:
            raise UsageError(f"passes {self.passes}: give at least 1")
        if not 0 < self.threshold < 1:
            raise UsageError(f"threshold {self.threshold:g}: give a probability between 0 and 1")
        if self.precision not in PRECISIONS:
            raise UsageError(f"unknown precision '{self.precision}': choose {', '.join(PRECISIONS)}")
        if self.tta not in FLIPS:
            raise UsageError(f"unknown tta '{self.tta}': choose flips or none")
        if self.config.num_classes != 1:
            raise UsageError(
                f"weights of {self.config.num_classes} classes: prediction takes weights of 1 class"
            )

    def _check_slices(self, ct: npt.NDArray[np.uint8], pet: npt.NDArray[np.uint8]) -> None:
        stack = () if self.slices == 1 and ct.ndim == 3 else (self.slices,)
        expected = (len(ct), *stack, self.image_size, self.image_size)
        for name, images in (("CT", ct), ("PET", pet)):
            if images.shape != expected:
                raise DataError(
                    f"{name} slices of shape {images.shape}: these weights take {expected}; resize them "
                    "or use weights of another image size"
                )
            if images.dtype != np.uint8:
                raise DataError(f"{name} slices of {images.dtype}: scale them to 0-255 and pass uint8")


def _flip(images: torch.Tensor, axes: tuple[int, ...]) -> torch.Tensor:
    """Turn images round along some axes; torch copies them even for none."""
    return images.flip(axes) if axes else images
