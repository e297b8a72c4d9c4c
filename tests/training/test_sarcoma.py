"""Training on real PET-CT slices of the Soft-tissue-Sarcoma collection, which stand beside the project."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from cipa.data.convert import Recipe, Sources, SplitRule, convert_volumes, find_triples
from cipa.data.convert.write import slice_id
from cipa.data.layout import list_path

STS = Path(__file__).parents[3] / "shared" / "data" / "sts"
SIZE = 128
PATIENTS = ("STS_001", "STS_002", "STS_035")
OPTIONS = (
    "--model nano --image-size 128 --batch-size 2 --epochs 3 --lr 1e-3 --validation-fraction 0.34 --workers 0"
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.shared,
    pytest.mark.skipif(not STS.is_dir(), reason=f"no real data at {STS}"),
]


@pytest.fixture(scope="module")
def sarcomas(tmp_path_factory):
    """Three patients, every twelfth slice of each in the training list."""
    folder = tmp_path_factory.mktemp("sts") / "data"
    found = find_triples(STS, "*/CT.nii.bz2", "*/PET_SUV.nii.gz", "*/GTV_CT.nii.gz")
    few = Sources(tuple(triple for triple in found.triples if triple.name in PATIENTS), ())
    done = convert_volumes(few, folder, Recipe(size=SIZE), SplitRule(last=0), root=STS)
    ids = [slice_id(record.patient, number) for record in done.records for number in record.numbers[::12]]
    list_path(folder, "train").write_text("\n".join(ids))
    return folder


def cipa_train(data, run, *more):
    command = [sys.executable, "-m", "cipa", "train", str(data), "-o", str(run), *OPTIONS.split(), *more]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def end_of(process):
    """Return the exit code of a process, and what it wrote to standard error."""
    _, lines = process.communicate(timeout=300)
    return process.returncode, lines


def test_a_stopped_run_on_real_slices_resumes_to_the_same_weights(sarcomas, tmp_path):
    code, lines = end_of(cipa_train(sarcomas, tmp_path / "whole"))
    assert code == 0, lines

    stopped = cipa_train(sarcomas, tmp_path / "parts")
    metrics = tmp_path / "parts" / "metrics.csv"
    deadline = time.monotonic() + 200
    while not (metrics.exists() and len(metrics.read_text().splitlines()) > 2):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    stopped.send_signal(signal.SIGTERM)
    assert end_of(stopped)[0] == 128 + signal.SIGTERM
    code, lines = end_of(cipa_train(sarcomas, tmp_path / "parts", "--resume"))
    assert code == 0, lines

    expected = load_file(tmp_path / "whole" / "last" / "model.safetensors")
    found = load_file(tmp_path / "parts" / "last" / "model.safetensors")
    assert expected.keys() == found.keys()
    assert all(torch.equal(expected[name], found[name]) for name in expected)
    assert json.loads((tmp_path / "parts" / "last" / "config.json").read_text())["image_size"] == SIZE
