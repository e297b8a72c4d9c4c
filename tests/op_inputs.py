"""Random inputs of the ops, shared by the tests of every form."""

import torch

SS2D_SHAPES = {
    "one pixel": {"batch": 1, "height": 1, "width": 1},
    "one row": {"height": 1, "width": 67},
    "one column": {"height": 67, "width": 1},
    "not square, chunk not full": {"height": 9, "width": 11},
    "exactly one chunk": {"height": 8, "width": 8},
    "windows of DCIM": {"batch": 33, "height": 4, "width": 4, "channels": 32, "states": 16},
    "more channels than one vector": {"channels": 40, "states": 16, "rank": 6},
    "one state": {"states": 1},
    "odd states": {"states": 7},
    "more states than sixteen": {"states": 19},
    "rank above channels": {"channels": 8, "rank": 12},
    "one direction": {"directions": 1},
    "two directions": {"directions": 2},
}


def ss2d_inputs(
    batch=2, height=5, width=7, channels=24, states=5, rank=3, directions=4, dtype=torch.float32, seed=0
):
    """Return (x, projection, dt_weight, dt_bias, A_logs, Ds) with steps of about 1e-2 to 1."""
    make = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=make, dtype=torch.float64).to(dtype)

    A_logs = torch.log(torch.arange(1, states + 1)).expand(directions, channels, states)
    return (
        normal(batch, height, width, channels),
        normal(batch, height, width, directions, rank + 2 * states),
        normal(directions, channels, rank) * max(rank, 1) ** -0.5,
        normal(directions, channels) - 2,
        A_logs.to(dtype) + 0.1 * normal(directions, channels, states),
        normal(directions, channels),
    )


def sequence_inputs(batch=2, length=70, channels=24, states=5, dtype=torch.float32, seed=0):
    """Return (u, dt, A_logs, B, C, D, dt_bias)."""
    make = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=make, dtype=torch.float64).to(dtype)

    return (
        normal(batch, length, channels),
        normal(batch, length, channels),
        torch.log(torch.arange(1, states + 1)).expand(channels, states).to(dtype)
        + 0.1 * normal(channels, states),
        normal(batch, length, states),
        normal(batch, length, states),
        normal(channels),
        normal(channels) - 2,
    )


def relative_error(result, truth):
    """Norm of the difference over the norm of the truth; infinite where the result is not finite."""
    result, truth = result.double(), truth.double()
    if not result.isfinite().all():
        return float("inf")
    return ((result - truth).norm() / truth.norm().clamp_min(1e-12)).item()


def gradients(op, inputs, upstream):
    """Return the output of `op` and the gradient of every input."""
    leaves = [tensor.detach().clone().requires_grad_() for tensor in inputs]
    output = op(*leaves)
    return output, torch.autograd.grad(output, leaves, upstream.to(output.dtype))
