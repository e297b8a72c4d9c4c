import subprocess
import sys

import pytest

SCRIPT = """
import sys
import torch
from cipa.data.pclt20k import PCLT20K
from cipa.data.layout import read_ids
from cipa.training.loader import TrainingLoader
from cipa.training.sampler import EpochSampler, SlicePool

root = sys.argv[1]
dataset = PCLT20K(root, read_ids(root, "train"), 128)
sampler = EpochSampler(SlicePool(range(len(dataset))), 2, 2, seed=0)
loader = TrainingLoader(dataset, sampler, 2, torch.device("cpu"))
for batch in loader.epoch(0, 0):
    raise RuntimeError("a fault nobody foresaw")
"""


@pytest.mark.slow
def test_a_run_that_fails_ends_though_its_readers_ignore_the_signal_to_stop(tmp_path):
    from cipa.phantom.write import write_phantoms

    write_phantoms(tmp_path / "data", patients=2, size=128, slices=(4, 6), test_fraction=0)
    found = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path / "data")], capture_output=True, text=True, timeout=90
    )
    assert found.returncode == 1
    assert "a fault nobody foresaw" in found.stderr
