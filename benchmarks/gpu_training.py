"""Does training in bfloat16 follow float32? Loss curves of some hundred steps on phantoms.

    python -m benchmarks.gpu_training                       nano, 200 steps, seeds 0, 1 and 2
    python -m benchmarks.gpu_training --model tiny --out FOLDER

Writes gpu_training_MODEL.csv and .png. The exit code is 1 where bfloat16 strays further from float32 of
the same seed than float32 of one seed does from float32 of another.
"""

import argparse
import csv
import sys
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import cipa
from benchmarks.gpu_timing import gradients_of
from cipa.data.intensity import normalise, window_ct, window_pet
from cipa.phantom import draw_patient
from cipa.training.loss import segmentation_loss

WINDOW = 20
"""Steps whose mean is a point of a curve: single batches differ more than precisions do."""

DTYPES = ("float32", "bfloat16")
Curves = dict[tuple[str, int], list[float]]
"""Type and seed -> the loss of each step."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="nano")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--seeds", type=int, default=3, help="how many, 2 or more")
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--size", type=int, default=128)
    parser.add_argument("--slices", type=int, default=128, help="drawn in memory, with tumour")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    chosen = parser.parse_args(arguments)
    data = draw_slices(chosen.slices, chosen.size, chosen.device)
    curves: Curves = {}
    for seed in range(chosen.seeds):
        for dtype in DTYPES:
            curves[dtype, seed] = train(chosen.model, dtype, seed, data, chosen.steps, chosen.batch)
            print(f"{dtype}, seed {seed}: loss {curves[dtype, seed][0]:.3f} -> {curves[dtype, seed][-1]:.3f}")
    between_types, between_seeds = strays(curves)
    size, device = f"{chosen.size} x {chosen.size}", device_name(chosen.device)
    title = f"{chosen.model}, {size}, batches of {chosen.batch}, {device}"
    path = chosen.out / f"gpu_training_{chosen.model}"
    save(curves, path.with_suffix(".csv"))
    plot(curves, title, path.with_suffix(".png"))
    within = between_types <= between_seeds
    print(
        f"{title}: bfloat16 is {between_types:.4f} from float32 of the same seed, float32 of one seed "
        f"{between_seeds:.4f} from another (RMS of means over {WINDOW} steps): "
        f"{'within' if within else 'OUTSIDE'} the spread of seeds"
    )
    return int(not within)


def draw_slices(count: int, size: int, device: str) -> tuple[Tensor, Tensor, Tensor]:
    """Draw phantom patients up to `count` slices; CT, PET and mask, (count, 1, size, size) float32."""
    stacks: list[tuple[np.ndarray, ...]] = []
    while sum(len(mask) for *_, mask in stacks) < count:
        patient = draw_patient(0, len(stacks), size, slices=(4, 16))
        stacks.append((window_ct(patient.ct_hu), window_pet(patient.suv), patient.mask))
    ct, pet, mask = (
        torch.from_numpy(np.concatenate(stack)[:count, None]).to(device)
        for stack in zip(*stacks, strict=True)
    )
    return normalise(ct), normalise(pet), mask.float()


def train(
    model: str, dtype: str, seed: int, data: tuple[Tensor, Tensor, Tensor], steps: int, batch: int
) -> list[float]:
    """Train from the weights and batches of `seed`; return the loss of each step."""
    torch.manual_seed(seed)
    device, size = data[0].device, data[0].shape[-1]
    network = cipa.create_model(model, image_size=size).to(device).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-4, weight_decay=0.01)
    order = torch.Generator().manual_seed(seed)

    def loss_of(ct: Tensor, pet: Tensor, mask: Tensor) -> Tensor:
        with torch.autocast(device.type, torch.bfloat16, enabled=dtype == "bfloat16"):
            logits = network(ct, pet)
        return segmentation_loss(logits, mask).mean()

    record = device.type == "cuda"
    add_gradients = gradients_of(loss_of, [tensor[:batch] for tensor in data], network, record=record)
    losses = []
    for _ in range(steps):
        chosen = torch.randperm(len(data[0]), generator=order)[:batch].to(device)
        optimizer.zero_grad(set_to_none=not record)
        losses.append(add_gradients(*(tensor[chosen] for tensor in data)))
        optimizer.step()
    return torch.stack(losses).tolist()


def strays(curves: Curves) -> tuple[float, float]:
    """Return the RMS distance of the types of one seed, and of the seeds of float32, smoothed."""
    smooth = {key: smoothed(losses) for key, losses in curves.items()}
    seeds = sorted({seed for _, seed in curves})
    types = [smooth["bfloat16", seed] - smooth["float32", seed] for seed in seeds]
    pairs = [smooth["float32", one] - smooth["float32", other] for one, other in combinations(seeds, 2)]
    return float(np.sqrt(np.mean(np.square(types)))), float(np.sqrt(np.mean(np.square(pairs))))


def smoothed(losses: list[float]) -> np.ndarray:
    """Return the running mean over `WINDOW` steps (fewer where there are fewer in all)."""
    window = min(WINDOW, len(losses))
    return np.convolve(losses, np.full(window, 1 / window), "valid")


def save(curves: Curves, path: Path) -> None:
    """Write a row a step: dtype, seed, step, loss."""
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["dtype", "seed", "step", "loss"])
        for (dtype, seed), losses in curves.items():
            writer.writerows([dtype, seed, step, f"{loss:.5f}"] for step, loss in enumerate(losses, start=1))


def plot(curves: Curves, title: str, path: Path) -> None:
    """Draw the smoothed curves, a colour a type."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    for (dtype, seed), losses in curves.items():
        curve = smoothed(losses)
        steps = np.arange(len(losses) - len(curve) + 1, len(losses) + 1)
        style = (
            {"color": "tab:blue", "lw": 2.2, "alpha": 0.6}
            if dtype == "float32"
            else {"color": "tab:red", "lw": 1}
        )
        axes.plot(steps, curve, label=dtype if seed == 0 else None, **style)
    axes.set(xlabel="step", ylabel=f"loss, mean of {WINDOW} steps", title=title)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=150)


def device_name(device: str) -> str:
    """Return the GPU's name, or CPU."""
    return torch.cuda.get_device_name() if device.startswith("cuda") else "CPU"


if __name__ == "__main__":
    sys.exit(main())
