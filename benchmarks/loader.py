"""Whether anything but the network holds training up: the loader alone, and training against bare steps.

The slices are phantoms, whose CT is as noisy, and so as slow to decode, as a patient's. Bare steps are
forward, loss, backward and optimiser on one batch in the device's memory, recorded as training's are and
never waiting for the device: pure compute. Training on one batch is the real trainer with augmentation,
log and its wait for every loss, but nothing read; training from files is all of it.
"""

import tempfile
import time
from pathlib import Path

import torch

from benchmarks.gpu_timing import gradients_of
from benchmarks.harness import Row, require
from benchmarks.training_run import WARM_UP, Resident, timed_training
from cipa.data.intensity import normalise
from cipa.data.pclt20k import PCLT20K
from cipa.parallel import processors
from cipa.phantom.write import write_phantoms
from cipa.training.loader import TrainingLoader, count_workers
from cipa.training.loss import segmentation_loss
from cipa.training.network import build_network
from cipa.training.optimizer import build_optimizer
from cipa.training.recipe import NetworkRecipe, OptimisationRecipe
from cipa.training.sampler import EpochSampler, SlicePool

ON_GPU = torch.cuda.is_available()
MODEL, SIZE, BATCH = ("tiny", 512, 16) if ON_GPU else ("nano", 128, 8)
PATIENTS, SLICES = (16, (16, 24)) if ON_GPU else (6, (16, 24))
BARE_STEPS = 30 if ON_GPU else 8


def run() -> list[Row]:
    """Require that the loader hands on the files' own bytes, then time it alone and under training."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "data"
        write_phantoms(
            root, patients=PATIENTS, size=SIZE, slices=SLICES, test_fraction=0.1, workers=processors()
        )
        ids = (root / "train.txt").read_text().split()
        dataset = PCLT20K(root, ids, SIZE)
        _require_bytes(dataset)
        case = f"{SIZE} x {SIZE}, {processors()} cores"
        rows = [
            Row("loader", f"decoding, one process, {case}", _decoding(dataset), "slices/s"),
            Row("loader", f"{count_workers(None)} readers, {case}", _reading(dataset), "slices/s"),
        ]
        fed, resident = (
            timed_training(dataset, Path(folder) / name, MODEL, BATCH, resident=name == "resident")
            for name in ("fed", "resident")
        )
        bare = _bare_steps(dataset)
    case = f"{MODEL}, {BATCH} pairs {SIZE} x {SIZE}"
    return [
        *rows,
        Row("training", f"{case}, bare steps", bare, "slices/s"),
        Row("training", f"{case}, on one batch", resident, "slices/s"),
        Row("training", f"{case}, from files", fed, "slices/s"),
        Row("training", f"{case}, from files / bare steps", fed / bare, "ratio", 0, ">= 0.9"),
    ]


def _loader(dataset: PCLT20K, device: str) -> TrainingLoader:
    sampler = EpochSampler(SlicePool(range(len(dataset))), BATCH, BATCH, seed=0)
    return TrainingLoader(dataset, sampler, count_workers(None), torch.device(device))


def _require_bytes(dataset):
    batch = next(iter(_loader(dataset, "cpu").epoch(0, 0)))
    for place, index in enumerate(batch["index"].tolist()):
        for name in ("ct", "pet", "mask"):
            require(
                torch.equal(batch[name][place], dataset[index][name]),
                f"{name} of slice {index} is not its file's",
            )


def _decoding(dataset):
    start = time.perf_counter()
    for index in range(len(dataset)):
        dataset[index]
    return len(dataset) / (time.perf_counter() - start)


def _reading(dataset):
    """Slices a second that arrive on the device, of two epochs after one that warms the readers up."""
    loader = _loader(dataset, "cuda" if ON_GPU else "cpu")
    for _ in loader.epoch(0, 0):
        pass
    start, count = time.perf_counter(), 0
    for epoch in (1, 2):
        count += sum(len(batch["index"]) for batch in loader.epoch(epoch, 0))
    return count / (time.perf_counter() - start)


def _bare_steps(dataset):
    device = torch.device("cuda" if ON_GPU else "cpu")
    model = build_network(NetworkRecipe(model=MODEL, image_size=SIZE), seed=0).to(device).train()
    optimizer = build_optimizer(model, OptimisationRecipe())
    batches = Resident(_loader(dataset, device.type)).batches
    pairs = [
        (*(normalise(batch[name]) for name in ("ct", "pet")), batch["mask"].float()) for batch in batches
    ]

    def loss_of(ct, pet, mask):
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=ON_GPU):
            logits = model(ct, pet)
        return segmentation_loss(logits.float(), mask).sum() / BATCH

    add_gradients = gradients_of(loss_of, pairs[0], model, record=ON_GPU)

    def step():
        optimizer.zero_grad(set_to_none=not ON_GPU)
        for pair in pairs:
            add_gradients(*pair)
        optimizer.step()

    def wait():
        return torch.cuda.synchronize() if ON_GPU else None

    for _ in range(WARM_UP):
        step()
    wait()
    start = time.perf_counter()
    for _ in range(BARE_STEPS):
        step()
    wait()
    return BARE_STEPS * BATCH / (time.perf_counter() - start)
