"""Recorded passes against plain ones, on a GPU."""

import copy

import pytest
import torch

import cipa
from cipa.training.drop_path import sample_drop_paths
from cipa.training.loss import segmentation_loss
from cipa.training.recorded import RecordedGradients

pytestmark = pytest.mark.gpu

COUNT, SIDE = 4, 256
"""Pairs and their side. At 128 pixels the smallest map has one pixel, and a batch norm over that of two pairs
enlarges whatever rounding leaves between them."""


def draw(seed):
    make = torch.Generator().manual_seed(seed)
    ct, pet = torch.randn(2, COUNT, 1, SIDE, SIDE, generator=make).clamp(-1.6, 1.6).cuda()
    return ct, pet, (ct + pet > 1).float()


def loss_of(model):
    def loss(ct, pet, mask):
        with torch.autocast("cuda", torch.bfloat16):
            logits = model(ct, pet)
        return segmentation_loss(logits, mask).mean()

    return loss


def test_recorded_steps_are_plain_steps():
    torch.manual_seed(0)
    plain = cipa.create_model("nano", image_size=SIDE).cuda().train()
    twin = copy.deepcopy(plain)
    draws = [sample_drop_paths(model, seed=1) for model in (plain, twin)]
    draws[1].draw(0, range(COUNT), torch.device("cuda"))
    recorded = RecordedGradients(loss_of(twin), draw(0), twin)
    optimizers = [torch.optim.AdamW(model.parameters(), lr=1e-3) for model in (plain, twin)]
    for step in range(3):
        for part in range(2):  # two micro-batches add up
            samples = draw(10 * step + part)
            for each in draws:
                each.draw(step, range(COUNT * part, COUNT * (part + 1)), torch.device("cuda"))
            expected = loss_of(plain)(*samples)
            expected.backward()
            torch.testing.assert_close(recorded(*samples), expected.detach(), rtol=1e-5, atol=0)
        for optimizer in optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=optimizer is optimizers[0])
    for name, tensor in plain.state_dict().items():
        torch.testing.assert_close(twin.state_dict()[name], tensor, rtol=1e-4, atol=1e-6, msg=name)
