# %% [markdown]
# # SS2D in your own model
#
# The selective scan of this project is usable on its own, forward and backward, on any device PyTorch runs
# on. This page uses it at two levels: as a layer, and as the bare operation. It takes seconds.

# %%
import torch
from torch import Tensor, nn

from cipa.models.ss2d import SS2D
from cipa.ops import selective_scan, ss2d, use_backend

torch.manual_seed(0)

# %% [markdown]
# ## As a layer
#
# `SS2D(width, states)` mixes a **channel-last** map (B, H, W, C) and gives one of the same shape: a gated
# block with projections, a depthwise convolution and the scan along rows and columns, both ways. Put it
# where an attention layer would go.


# %%
class Block(nn.Module):
    """x + SS2D(norm(x)), twice, between two convolutions: an edge detector that sees the whole image."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        self.embed = nn.Conv2d(1, width, 4, stride=4)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.scans = nn.ModuleList(SS2D(width, states=16) for _ in range(2))
        self.head = nn.Conv2d(width, 1, 1)

    def forward(self, image: Tensor) -> Tensor:
        x = self.embed(image).permute(0, 2, 3, 1)  # channel last
        for norm, scan in zip(self.norms, self.scans, strict=True):
            x = x + scan(norm(x))
        return self.head(x.permute(0, 3, 1, 2))


model = Block()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)

# %% [markdown]
# A task that needs the whole image: is a patch brighter than the image's mean? No convolution of a few
# pixels can know it.

# %%
first = last = 0.0
for _ in range(40):
    image = torch.rand(8, 1, 32, 32) + torch.rand(8, 1, 1, 1)
    patches = nn.functional.avg_pool2d(image, 4)
    truth = (patches > patches.mean(dim=(2, 3), keepdim=True)).float()
    loss = nn.functional.binary_cross_entropy_with_logits(model(image), truth)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    first, last = first or loss.item(), loss.item()
print(f"loss {first:.3f} at first, {last:.3f} after 40 steps")
assert last < 0.8 * first

# %% [markdown]
# ## As an operation
#
# `cipa.ops.ss2d` is the scan alone. Letters: B batch, H x W grid, D channels, K directions, R rank of the
# step projection, N states. Steps, B and C come from the input; you choose how. Here from one matrix
# product, as in VMamba.

# %%
B, H, W, D, K, R, N = 2, 8, 8, 16, 4, 1, 4
x = torch.randn(B, H, W, D, requires_grad=True)
projection = torch.randn(B, H, W, K, R + 2 * N, requires_grad=True)  # [dt_low R, B N, C N]
dt_weight, dt_bias = torch.randn(K, D, R), torch.zeros(K, D)
A_logs, Ds = torch.zeros(K, D, N), torch.ones(K, D)

y = ss2d(x, projection, dt_weight, dt_bias, A_logs, Ds)
y.square().mean().backward()
print(tuple(y.shape), tuple(x.grad.shape))

# %% [markdown]
# A sequence has `selective_scan`, channel last too: (B, L, D).

# %%
length = 50
u, dt = torch.randn(B, length, D), torch.randn(B, length, D)
b, c = torch.randn(B, length, N), torch.randn(B, length, N)
print(tuple(selective_scan(u, dt, A_logs[0], b, c, Ds[0], dt_bias[0]).shape))

# %% [markdown]
# ## Is it right?
#
# Each kernel is tested against a plain loop over positions, and you can do the same. `use_backend` forces a
# backend for a while: `reference` is that loop, on any device and in float64 too.

# %%
with use_backend("reference"):
    expected = ss2d(x, projection, dt_weight, dt_bias, A_logs, Ds)
difference = (y - expected).abs().max().item()
print(f"largest difference from the loop: {difference:.1e}")
assert difference < 1e-4

# %% [markdown]
# On a CPU the first call of an installation compiles for some seconds and keeps the result in
# `__pycache__`. On NVIDIA GPUs the same lines run Triton's kernels, on Hopper those in CUDA C++.
# [SS2D](../explanation/ss2d.md) explains the operation, `src/cipa/ops/scan/ss2d.md` the kernels.
