"""Compare CPUSyncBatchNorm over two processes of unequal shares with BatchNorm2d over the whole: torchrun."""

import torch
from torch import distributed, nn

from cipa.training.sync_batchnorm import CPUSyncBatchNorm, synchronise_batchnorm

distributed.init_process_group("gloo")
generator = torch.Generator().manual_seed(0)
images = torch.randn(5, 3, 6, 7, generator=generator) * 4 + 100  # a mean far from 0 shows cancellation
loss_weight = torch.randn(5, 3, 6, 7, generator=generator)
share = slice(0, 2) if distributed.get_rank() == 0 else slice(2, 5)

whole = nn.BatchNorm2d(3)
nn.init.uniform_(whole.weight, 0.5, 2, generator=generator)
nn.init.uniform_(whole.bias, -1, 1, generator=generator)
holder = nn.Sequential(nn.BatchNorm2d(3))
holder[0].load_state_dict(whole.state_dict())
shared = synchronise_batchnorm(holder, torch.device("cpu"))[0]
assert type(shared) is CPUSyncBatchNorm

for _ in range(2):
    every, mine = images.clone().requires_grad_(), images[share].clone().requires_grad_()
    expected, found = whole(every), shared(mine)
    (expected * loss_weight).sum().backward()
    (found * loss_weight[share]).sum().backward()
    torch.testing.assert_close(found, expected[share], rtol=1e-5, atol=2e-5)
    torch.testing.assert_close(mine.grad, every.grad[share], rtol=1e-4, atol=1e-5)

for name, parameter in shared.named_parameters():
    distributed.all_reduce(parameter.grad)
    torch.testing.assert_close(parameter.grad, whole.get_parameter(name).grad, rtol=1e-4, atol=1e-3)
torch.testing.assert_close(shared.state_dict(), whole.state_dict(), rtol=1e-5, atol=1e-5)
torch.testing.assert_close(shared.eval()(images), whole.eval()(images), rtol=1e-5, atol=1e-5)
distributed.destroy_process_group()
