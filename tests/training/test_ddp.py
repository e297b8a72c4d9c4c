import warnings

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from cipa.training.ddp import DdpOptions, lay_out_gradients


def test_ddp_takes_the_options_without_a_warning(tmp_path):
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/meet", rank=0, world_size=1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            DistributedDataParallel(nn.BatchNorm1d(2), **DdpOptions().to_kwargs())
    finally:
        torch.distributed.destroy_process_group()


def test_gradients_lie_as_their_parameters_do_and_keep_their_values():
    torch.manual_seed(0)
    plain, laid_out = nn.Conv2d(4, 8, 3), nn.Conv2d(4, 8, 3)
    laid_out.load_state_dict(plain.state_dict())
    lay_out_gradients(laid_out)
    strides = []
    laid_out.weight.register_hook(lambda gradient: strides.append(gradient.stride()))
    images = torch.randn(2, 4, 9, 9).to(memory_format=torch.channels_last)
    for network in (plain, laid_out):
        network(images).square().sum().backward()
    assert strides == [laid_out.weight.stride()]
    assert torch.equal(plain.weight.grad, laid_out.weight.grad)
