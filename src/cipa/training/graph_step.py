"""Loss and gradients of a micro-batch as one CUDA graph.

A step of `tiny` starts four thousand kernels. Started one by one from Python they take longer than they run
unless the batch is large (four pairs at 512 x 512 on an H200: 215 ms for 84 ms of kernels); a CUDA graph
starts them all at once.
"""

from collections.abc import Callable, Iterable, Sequence

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch import distributed as dist

from cipa.cuda_graph import capture, warm_up
from cipa.models.catalogue import CATALOGUE
from cipa.training.recipe import TrainRecipe

ALIGNMENT = 64
"""Elements. Optimisers read a gradient four numbers at a time if it begins at a multiple of that."""


def uses_cuda_graph(recipe: TrainRecipe, accelerator: Accelerator) -> bool:
    """Tell whether a run captures its passes in CUDA graphs: our networks on GPUs, no loss scaling."""
    return (
        recipe.running.record == "auto"
        and accelerator.device.type == "cuda"
        and accelerator.scaler is None
        and CATALOGUE[recipe.network.with_defaults().model or ""].family in ("CIPA", "Sigma")
    )


def gradients_in_one(parameters: Iterable[nn.Parameter]) -> Tensor:
    """Give each parameter a gradient of zeros, all of them parts of one tensor.

    Args:
        parameters: of one device and dtype.

    Returns:
        That tensor, 1D, with unused elements between the parts so that each is aligned.
    """
    parameters = list(parameters)
    sizes = [-(-parameter.numel() // ALIGNMENT) * ALIGNMENT for parameter in parameters]
    whole = parameters[0].new_zeros(sum(sizes))
    for parameter, part in zip(parameters, whole.split(sizes), strict=True):
        parameter.grad = part[: parameter.numel()].view_as(parameter)
    return whole


class GraphedGradients:
    """Adds a micro-batch's gradients to those of the parameters; inputs keep their shapes.

    The parameters' `grad` tensors belong to the graph: zero them in place, never set them to None.
    Whatever else the loss reads must stay in the memory it was in.

    Args:
        loss: from the inputs to a scalar to be minimised.
        inputs: of the shapes and types to come, on a GPU.
        model: whose parameters `loss` depends on; its buffers are unchanged by the capture.

    Attributes:
        gradients: all of them, in one tensor.

    Source: whole-network capture as PyTorch's notes on CUDA graphs describe it.
    """

    def __init__(self, loss: Callable[..., Tensor], inputs: Sequence[Tensor], model: nn.Module) -> None:
        self._inputs = [tensor.clone() for tensor in inputs]
        # The graph holds addresses alone: it would write into the buffers of a model let go.
        self._model = model
        before = [(buffer, buffer.clone()) for buffer in model.buffers()]
        model.zero_grad(set_to_none=True)
        with torch.cuda.device(self._inputs[0].device):
            warm_up(lambda: loss(*self._inputs).backward())
            # A parameter that the loss does not reach keeps no gradient: an optimiser passes over it then.
            reached = [parameter for parameter in model.parameters() if parameter.grad is not None]
            model.zero_grad(set_to_none=True)
            self.gradients = gradients_in_one(reached)
            # Threads that read data may allocate pinned memory meanwhile: only this thread's calls count.
            self._graph, self._loss = capture(lambda: self._backward(loss), "thread_local")
        for buffer, value in before:
            buffer.copy_(value)

    def _backward(self, loss: Callable[..., Tensor]) -> Tensor:
        value = loss(*self._inputs)
        value.backward()
        return value

    def __call__(self, *inputs: Tensor) -> Tensor:
        """Add the gradients of one micro-batch.

        Args:
            inputs: of the same shapes as at capture.

        Returns:
            The loss, a scalar without history.
        """
        for own, new in zip(self._inputs, inputs, strict=True):
            own.copy_(new)
        self._graph.replay()
        return self._loss.detach().clone()

    def release(self) -> None:
        """Release the graph, which cannot be used afterwards.

        NCCL ends a process group only after every graph that holds some of its work is gone: a run that kept
        its graph never returned from `destroy_process_group`.
        """
        self._graph.reset()

    def average(self) -> None:
        """Average the gradients over the processes of a run, as DistributedDataParallel would."""
        dist.all_reduce(self.gradients)
        self.gradients /= dist.get_world_size()
