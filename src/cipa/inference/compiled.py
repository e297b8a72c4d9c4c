"""A network prepared for many forward passes of one shape: `compile_model`.

What can be worked out once is (`folding.py`). On a GPU the pass is then captured as a CUDA graph
(`cipa.cuda_graph`): one pair on an H200 takes 42 ms without, 8 with.
"""

import math
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, cast

import torch
from torch import Tensor, nn

from cipa.cuda_graph import capture, warm_up
from cipa.errors import DataError, UsageError
from cipa.inference.folding import fold_model
from cipa.inference.modalities import WithInputs
from cipa.inference.split_matmul import SplitMatmul
from cipa.models.cipa import CIPA
from cipa.models.vmamba import PatchEmbedding

DTYPES = {
    "float32": torch.float32,
    "tf32": torch.float32,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
}
"""Arithmetic by name: tf32 is float32 with TensorFloat-32 products; in all the scan's states are float32."""

AGAIN = "a compiled float32 pass was not finite: made again by PyTorch, whose products have a wider range"
"""Said then, as it should not go unseen: it was met once without values that large, by a race in a kernel."""

WAY_OUT = {"fp16": "try bf16, whose range is float32's"}
"""What to do about an answer that is not finite, where another arithmetic may help."""


class CompiledModel(nn.Module):
    """A frozen network for a fixed number of pairs a pass; other numbers are split and padded.

    Calls from several threads take turns.

    Attributes:
        config: the network's own.
        batch: pairs a pass.
        dtype: name of the arithmetic, of `DTYPES`.
    """

    def __init__(self, model: nn.Module, batch: int, dtype: str) -> None:
        super().__init__()
        self.config = cast(Any, model).config
        self.batch = batch
        self.dtype = dtype
        self.model = fold_model(model, DTYPES[dtype])
        self._device = next(model.parameters()).device
        self._images = DTYPES[dtype]
        for module in self.model.modules():
            if isinstance(module, CIPA):
                module.concurrent = self._device.type == "cuda"
            elif isinstance(module, PatchEmbedding):
                self._images = torch.float32
        exact_gpu = dtype == "float32" and self._device.type == "cuda"
        self._split_matmul = SplitMatmul(self.model) if exact_gpu else nullcontext()
        self._lock = threading.Lock()
        self._graph: torch.cuda.CUDAGraph | None = None
        shape = (batch, self.config.slices, self.config.image_size, self.config.image_size)
        self._ct, self._pet = (torch.zeros(shape, device=self._device) for _ in range(2))
        if self._device.type == "cuda":
            self._capture()

    @torch.inference_mode()
    def forward(self, ct: Tensor, pet: Tensor) -> Tensor:
        """Segment slice pairs.

        Args:
            ct: floating, (B, slices, S, S) in [-1.6, 1.6], S the network's image size.
            pet: like `ct`.

        Returns:
            Logits, (B, classes, S, S), float32.

        Raises:
            DataError: another shape, another device than the network's, or logits that are not finite.
        """
        for name, image in (("ct", ct), ("pet", pet)):
            if image.shape[1:] != self._ct.shape[1:] or len(image) != len(ct):
                raise DataError(
                    f"{name} has shape {tuple(image.shape)}: must be (B, {tuple(self._ct.shape[1:])})"
                )
            if image.device != self._device:
                raise DataError(
                    f"{name} is on {image.device}, the compiled network on {self._device}: move it there"
                )
        with self._lock:
            logits = self._passes(ct, pet)
            if not _finite(logits) and isinstance(self._split_matmul, SplitMatmul):
                warnings.warn(AGAIN, RuntimeWarning, stacklevel=2)
                logits = self._passes(ct, pet, plain=True)
        if not _finite(logits):
            raise DataError(
                f"the network's answer in {self.dtype} is not finite: its input is not, or its values leave "
                f"the range of {self.dtype}; {WAY_OUT.get(self.dtype, 'check the images and the weights')}"
            )
        return logits

    def _passes(self, ct: Tensor, pet: Tensor, *, plain: bool = False) -> Tensor:
        """Return the logits of any number of pairs.

        `plain` passes use no CUDA graph, and PyTorch multiplies in them: its products hold all of float32's
        range, where those on tensor cores give up at a million.
        """
        parts = []
        for images in zip(ct.split(self.batch), pet.split(self.batch), strict=True):
            for image, own in zip(images, (self._ct, self._pet), strict=True):
                own[: len(image)].copy_(image)
            if plain or self._graph is None:
                logits = self._run(plain=plain)
            else:
                self._graph.replay()
                logits = self._logits
            parts.append(logits[: len(images[0])].clone())
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def _run(self, *, plain: bool = False) -> Tensor:
        with self._arithmetic(), nullcontext() if plain else self._split_matmul:
            return self.model(self._ct.to(self._images), self._pet.to(self._images)).float()

    @contextmanager
    def _arithmetic(self) -> Iterator[None]:
        """Let PyTorch's products and convolutions on a GPU have the digits that `dtype` asks for."""
        if self._device.type != "cuda":
            yield
            return
        precise = torch.get_float32_matmul_precision()
        allow = self.dtype != "float32"
        torch.set_float32_matmul_precision("high" if allow else "highest")
        try:
            with (
                torch.backends.cudnn.flags(enabled=True, benchmark=True, allow_tf32=allow),
                torch.cuda.device(self._device),
            ):
                yield
        finally:
            torch.set_float32_matmul_precision(precise)

    @torch.inference_mode()
    def _capture(self) -> None:
        try:
            with torch.cuda.device(self._device):
                warm_up(self._run)
                self._graph, self._logits = capture(self._run)
        except torch.OutOfMemoryError as error:
            raise DataError(
                f"{self._device} ran out of memory at a batch of {self.batch}: take a smaller one"
            ) from error


def _finite(logits: Tensor) -> bool:
    """Return whether all are: by one reduction, where isfinite().all() is five kernels."""
    return math.isfinite(logits.sum().item())


def compile_model(model: nn.Module, batch: int = 1, dtype: str = "float32") -> CompiledModel:
    """Make a frozen copy of a network that runs as fast as it can on the device it is on.

    Args:
        model: `cipa.CIPA` or another network with a `config`; it is copied, not changed.
        batch: pairs a pass; memory and, on a GPU, the CUDA graph are for this number.
        dtype: `float32` (exact), `tf32`, `bf16` or `fp16`; of the last two fp16 rounds eight times finer.

    Returns:
        A callable (ct, pet) -> logits; on a GPU a CUDA graph, on a CPU the folded network.

    Raises:
        UsageError: an unknown dtype, a batch below 1, or tf32 on a CPU.
        DataError: the GPU's memory does not do for the batch.
    """
    if dtype not in DTYPES:
        raise UsageError(f"dtype '{dtype}': must be one of {', '.join(DTYPES)}")
    if batch < 1:
        raise UsageError(f"batch {batch}: must be 1 or more")
    device = next(model.parameters()).device.type
    if dtype == "tf32" and device != "cuda":
        raise UsageError(
            f"dtype 'tf32' is arithmetic of NVIDIA GPUs, the network is on {device}: use float32"
        )
    return CompiledModel(model, batch, dtype)


def compile_on_gpu(models: list[nn.Module], batch: int, dtype: str) -> list[nn.Module]:
    """Compile networks as `compile_model` does if all are CIPA's and on an NVIDIA GPU; else return them."""
    for model in models:
        network = model.model if isinstance(model, WithInputs) else model
        if not isinstance(network, CIPA) or next(network.parameters()).device.type != "cuda":
            return models
    return [compile_model(model, batch, dtype) for model in models]
