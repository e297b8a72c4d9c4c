"""Gradients recorded on each of two GPUs and averaged, against those of the whole batch on one: torchrun."""

import copy
import os

import torch
from torch import distributed

import cipa
from cipa.models.layers import DropPath
from cipa.training.graph_step import GraphedGradients
from cipa.training.loss import segmentation_loss
from cipa.training.sync_batchnorm import synchronise_batchnorm

COUNT, SIDE = 8, 256

device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
torch.cuda.set_device(device)
torch.backends.cudnn.allow_tf32 = False
distributed.init_process_group("nccl", device_id=device)
processes = distributed.get_world_size()
share = slice(*(COUNT * (distributed.get_rank() + end) // processes for end in (0, 1)))

generator = torch.Generator().manual_seed(0)
ct, pet = torch.randn(2, COUNT, 1, SIDE, SIDE, generator=generator).clamp(-1.6, 1.6).to(device)
every = ct, pet, (ct + pet > 1).float()
mine = [image[share].contiguous() for image in every]
torch.manual_seed(0)
whole = cipa.create_model("nano", image_size=SIDE).to(device).train()
for module in whole.modules():
    if isinstance(module, DropPath):
        module.rate = 0.0  # processes would draw otherwise
shared = synchronise_batchnorm(copy.deepcopy(whole), device)


def loss_of(model, scale):
    return lambda ct, pet, mask: segmentation_loss(model(ct, pet), mask).sum() * scale


plain = loss_of(whole, 1 / COUNT)
recorded = GraphedGradients(loss_of(shared, processes / COUNT), mine, shared)
for step in range(2):  # the second time, what the first left behind would be seen
    expected = plain(*every)
    expected.backward()
    found = recorded(*mine)
    recorded.average()
    distributed.all_reduce(found)
    torch.testing.assert_close(found / processes, expected.detach(), rtol=1e-5, atol=0)
    all_of_it = torch.stack([p.grad.norm() for p in whole.parameters() if p.grad is not None]).norm()
    for name, parameter in whole.named_parameters():
        twin = shared.get_parameter(name)
        assert (parameter.grad is None) == (twin.grad is None), name
        if parameter.grad is not None:  # rounding alone is what a bias before a batch norm gets
            error, size = (twin.grad - parameter.grad).norm(), parameter.grad.norm()
            assert error < 1e-2 * size + 1e-5 * all_of_it, f"step {step}, {name}: {error:.2g} of {size:.2g}"
    whole.zero_grad()
    shared.zero_grad(set_to_none=False)
torch.testing.assert_close(shared.state_dict(), whole.state_dict(), rtol=1e-4, atol=1e-5)
recorded.release()
distributed.destroy_process_group()
