"""Recorded passes against plain ones, on a GPU; on two, against the whole batch on one."""

import copy
import csv
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import cipa
from cipa.training.drop_path import sample_drop_paths
from cipa.training.graph_step import GraphedGradients, gradients_in_one
from cipa.training.loss import segmentation_loss
from cipa.training.run import train

COUNT, SIDE = 2, 128


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


def test_gradients_lie_in_one_tensor_and_are_added_there():
    network = torch.nn.Sequential(torch.nn.Conv2d(1, 3, 3), torch.nn.Conv2d(3, 5, 1))
    twin, images = copy.deepcopy(network), torch.randn(2, 1, 8, 8)
    whole = gradients_in_one(network.parameters())
    for _ in range(2):
        network(images).square().sum().backward()
        twin(images).square().sum().backward()
    for parameter, expected in zip(network.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(parameter.grad, expected.grad)
        assert parameter.grad.untyped_storage().data_ptr() == whole.untyped_storage().data_ptr()
        assert parameter.grad.data_ptr() % 64 == 0
    whole.zero_()
    assert all(parameter.grad.count_nonzero() == 0 for parameter in network.parameters())


@pytest.mark.gpu
def test_recorded_steps_are_plain_steps():
    torch.manual_seed(0)
    plain = cipa.create_model("nano", image_size=SIDE).cuda().train()
    twin = copy.deepcopy(plain)
    draws = [sample_drop_paths(model, seed=1) for model in (plain, twin)]
    draws[1].draw(0, range(COUNT), torch.device("cuda"))
    recorded = GraphedGradients(loss_of(twin), draw(0), twin)
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


@pytest.mark.gpu
def test_a_recorded_run_is_a_plain_run(helpers, data, tmp_path, monkeypatch):
    monkeypatch.setattr("cipa.training.run.draw_pictures", lambda *_: None)
    losses = {}
    for record in ("auto", "no"):
        options = {"device": "cuda", "precision": "fp32", "lr": 1e-3, "drop_path": 0.3}
        train(helpers.small_recipe(record=record, **options), data, tmp_path / record)
        with (tmp_path / record / "metrics.csv").open(newline="") as file:
            losses[record] = [float(row["loss"]) for row in csv.DictReader(file)]
    assert len(losses["no"]) == 9
    assert losses["auto"] == pytest.approx(losses["no"], rel=1e-3)


@pytest.mark.gpu
@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="two GPUs")
def test_gradients_recorded_on_two_gpus_are_those_of_the_whole_batch():
    script = Path(__file__).with_name("graph_run.py")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
