"""Train the stub network in a process of its own: python stub_run.py DATA OUT [what to do], or by torchrun.

--die-in-save N   be killed while the N-th state is half written
--stop-at N       the last process receives SIGTERM during step N
--resume          go on with OUT
--micro N         slices a process handles at once
"""

import argparse
import os
import signal
import sys

import torch
from conftest import StubNetwork, small_recipe

from cipa.training import assembly, run, state, trainer

parser = argparse.ArgumentParser()
parser.add_argument("data")
parser.add_argument("out")
parser.add_argument("--die-in-save", type=int)
parser.add_argument("--stop-at", type=int)
parser.add_argument("--resume", action="store_true")
parser.add_argument("--micro", type=int, default=2)
wanted = parser.parse_args()


def build(_, seed):
    torch.manual_seed(seed)
    return StubNetwork()


def dying_save(contents, file, saves=iter(range(1, 1000))):  # noqa: B008 - counts over all calls
    if next(saves) == wanted.die_in_save:
        file.write(b"half a state")
        file.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    real_save(contents, file)


def stopping_step(self, epoch, lr, batches):
    if self.position.step + 1 == wanted.stop_at and self.accelerator.is_last_process:
        os.kill(os.getpid(), signal.SIGTERM)
    return real_step(self, epoch, lr, batches)


real_save, real_step = torch.save, trainer.Trainer._step
assembly.build_network = build
run.draw_pictures = lambda *_: None
state.torch.save = dying_save
trainer.Trainer._step = stopping_step
result = run.train(
    small_recipe(save_every=1, micro_batch=wanted.micro), wanted.data, wanted.out, resume=wanted.resume
)
sys.exit(128 + result.stopped_by if result.stopped_by else 0)
