"""Batch normalisation over the slices of all processes, on GPUs and on CPUs.

torch.nn.SyncBatchNorm does this on GPUs and refuses CPU tensors; `CPUSyncBatchNorm` is its equal for gloo.
"""

from typing import Any

import torch
from torch import Tensor, nn
from torch import distributed as dist


class _SumOverProcesses(torch.autograd.Function):
    """Sum of a tensor over all processes; as every process's loss sees the sum, gradients are summed too."""

    @staticmethod
    def forward(_: Any, local: Tensor) -> Tensor:
        """Return the sum over processes."""
        total = local.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(_: Any, *gradients: Tensor) -> Tensor:
        """Return the sum of all processes' gradients."""
        total = gradients[0].contiguous().clone()
        dist.all_reduce(total)
        return total


class CPUSyncBatchNorm(nn.BatchNorm2d):
    """nn.BatchNorm2d whose training statistics are those of the slices of all processes.

    Maths of Ioffe and Szegedy (2015, arXiv 1502.03167), one exchange forward and one backward. Sums are
    float64, so that the variance as a difference of moments loses nothing that float32 holds. Parameters,
    buffers and `eval()` are nn.BatchNorm2d's own.
    """

    def forward(self, input: Tensor) -> Tensor:
        """Normalise (B, C, H, W); the result has the input's dtype."""
        if not self.training:
            return super().forward(input)
        wide = input.double()
        count = wide.new_full((1,), input.numel() / input.shape[1])
        moments = torch.cat([wide.sum((0, 2, 3)), wide.square().sum((0, 2, 3)), count])
        total, squares, total_count = _SumOverProcesses.apply(moments).tensor_split([self.num_features, -1])
        mean = total / total_count
        variance = (squares / total_count - mean.square()).clamp_min(0)
        self._update_running(mean.detach(), variance.detach(), float(total_count.detach()))
        scale = self.weight.double() * torch.rsqrt(variance + self.eps)
        shift = self.bias.double() - mean * scale
        return torch.addcmul(shift.view(1, -1, 1, 1), wide, scale.view(1, -1, 1, 1)).to(input.dtype)

    def _update_running(self, mean: Tensor, variance: Tensor, count: float) -> None:
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked += 1
        momentum = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), momentum)
        self.running_var.lerp_(
            (variance * (count / max(1.0, count - 1))).to(self.running_var.dtype), momentum
        )


def synchronise_batchnorm(model: nn.Module, device: torch.device) -> nn.Module:
    """Replace every BatchNorm2d by one with statistics over all processes; names and values stay.

    Args:
        model: unwrapped network, changed in place.
        device: CUDA takes torch's own, anything else `CPUSyncBatchNorm`.

    Returns:
        `model`.
    """
    if device.type == "cuda":
        return nn.SyncBatchNorm.convert_sync_batchnorm(model)
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if type(child) is nn.BatchNorm2d:
                setattr(parent, name, _over_processes(child))
    return model


def _over_processes(norm: nn.BatchNorm2d) -> CPUSyncBatchNorm:
    twin = CPUSyncBatchNorm(
        norm.num_features,
        norm.eps,
        norm.momentum,
        norm.affine,
        norm.track_running_stats,
        device=norm.weight.device,
    )
    twin.weight, twin.bias = norm.weight, norm.bias
    twin.running_mean, twin.running_var = norm.running_mean, norm.running_var
    twin.num_batches_tracked = norm.num_batches_tracked
    return twin.train(norm.training)
