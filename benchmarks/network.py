"""The whole network on a CPU: a pair through `tiny` against the plain loop, and a training step of `nano`."""

import subprocess
import sys

import torch

from benchmarks.harness import Row, require, seconds
from cipa.models.pretrained import PretrainedFolder
from cipa.models.registry import create_model
from cipa.ops import use_backend

LARGEST_DIFFERENCE = 2e-4  # logits, float32 kernels against float32 loop
MEMORY = """
import resource, torch, cipa
model = cipa.create_model("tiny").eval()
pair = torch.zeros(1, 1, 512, 512)
with torch.inference_mode():
    model(pair, pair)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def run() -> list[Row]:
    """Check `tiny`'s logits against the loop's, then time both; then a training step of `nano`."""
    torch.manual_seed(0)
    return [*_inference(create_model("tiny").eval()), _memory(), *_training_step(create_model("nano"))]


def _inference(model: PretrainedFolder) -> list[Row]:
    pair = [torch.randn(1, 1, 512, 512).clamp(-1.6, 1.6) for _ in range(2)]
    with torch.inference_mode():
        with use_backend("reference"):
            expected = model(*pair)
            loop, loop_spread = seconds(lambda: model(*pair), repeats=1, warm_up=0)
        found = model(*pair)
        difference = (found - expected).abs().max().item()
        require(difference < LARGEST_DIFFERENCE, f"tiny's logits differ from the loop's by {difference:.1e}")
        fast, fast_spread = seconds(lambda: model(*pair), repeats=7)
    return [
        Row("tiny inference, 1 pair 512 x 512", "CPU kernels", fast, "s", fast_spread, "<= 3.0"),
        Row("tiny inference, 1 pair 512 x 512", "plain loop", loop, "s", loop_spread),
        Row("tiny inference, 1 pair 512 x 512", "loop / kernels", loop / fast, "ratio", 0, ">= 10"),
    ]


def _memory() -> Row:
    """Peak resident memory of a process that does nothing but segment one pair."""
    output = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True).stdout
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB on Linux
    return Row("tiny inference, 1 pair 512 x 512", "peak memory", int(output) * unit / 2**30, "GiB", 0, "< 2")


def _training_step(model: PretrainedFolder) -> list[Row]:
    from cipa.training.loss import segmentation_loss

    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    ct, pet = torch.randn(2, 2, 1, 512, 512).clamp(-1.6, 1.6)
    mask = torch.zeros(2, 1, 512, 512)
    mask[..., 200:240, 200:240] = 1
    losses = []

    def step() -> None:
        optimizer.zero_grad()
        loss = segmentation_loss(model(ct, pet), mask).mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())

    middle, spread = seconds(step, repeats=5)
    require(losses[-1] < losses[0], "nano's loss does not fall over six steps on one batch")
    return [Row("nano training step, 2 pairs 512 x 512", "CPU kernels", middle, "s", spread, "< 2")]
