"""Training on real PET-CT slices of the Soft-tissue-Sarcoma collection, which stand beside the project."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import nibabel
import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from cipa.data.intensity import window_ct, window_pet
from cipa.data.layout import image_path, list_path
from cipa.io.grid import resample
from cipa.io.nifti import read_volume
from cipa.io.orientation import axial_stack, spacing
from cipa.io.plane import fit_plane
from cipa.io.png import write_grey

STS = Path(__file__).parents[3] / "shared" / "data" / "sts"
SIZE = 128
PATIENTS = ("STS_001", "STS_002", "STS_035")
OPTIONS = (
    "--model nano --image_size 128 --batch_size 2 --epochs 3 --lr 1e-3 --validation_fraction 0.34 --workers 0"
)

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not STS.is_dir(), reason=f"no real data at {STS}"),
]


def write_slices(folder, patient, every=12):
    """Write some tumour slices of a patient as PCLT20K does; return their ids."""
    ct, pet = read_volume(STS / patient / "CT.nii.bz2"), read_volume(STS / patient / "PET_SUV.nii.gz")
    tumour = np.asanyarray(nibabel.load(STS / patient / "GTV_CT.nii.gz").dataobj) > 0
    on_ct = resample(pet.array, pet.affine, ct.affine, ct.shape)
    stack, affine = axial_stack(window_ct(ct.array), ct.affine)
    stacks = {"CT": stack, "PET": axial_stack(window_pet(on_ct), ct.affine)[0]}
    stacks["mask"] = axial_stack(tumour * np.uint8(255), ct.affine)[0]
    fit = fit_plane(stack.shape[1:], spacing(affine)[1:], SIZE)
    ids = []
    for number in np.flatnonzero(stacks["mask"].any((1, 2)))[::every]:
        name = f"{patient.replace('_', '')}_{number:03d}"
        for kind, images in stacks.items():
            (image,) = fit.to_network(np.ascontiguousarray(images[number])[None])
            path = image_path(folder, name, kind)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_grey(path, image if kind != "mask" else (image >= 128) * np.uint8(255))
        ids.append(name)
    return ids


@pytest.fixture(scope="module")
def sarcomas(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sts")
    ids = [name for patient in PATIENTS for name in write_slices(folder, patient)]
    list_path(folder, "train").write_text("\n".join(ids))
    list_path(folder, "test").write_text("")
    return folder


def cipa_train(data, run, *more):
    command = [sys.executable, "-m", "cipa", "train", str(data), "-o", str(run), *OPTIONS.split(), *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_a_stopped_run_on_real_slices_resumes_to_the_same_weights(sarcomas, tmp_path):
    whole = cipa_train(sarcomas, tmp_path / "whole")
    assert whole.wait(300) == 0, whole.stderr.read()

    stopped = cipa_train(sarcomas, tmp_path / "parts")
    metrics = tmp_path / "parts" / "metrics.csv"
    deadline = time.monotonic() + 200
    while not (metrics.exists() and len(metrics.read_text().splitlines()) > 2):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    stopped.send_signal(signal.SIGTERM)
    assert stopped.wait(100) == 128 + signal.SIGTERM
    resumed = cipa_train(sarcomas, tmp_path / "parts", "--resume")
    assert resumed.wait(300) == 0, resumed.stderr.read()

    expected = load_file(tmp_path / "whole" / "last" / "model.safetensors")
    found = load_file(tmp_path / "parts" / "last" / "model.safetensors")
    assert expected.keys() == found.keys()
    assert all(torch.equal(expected[name], found[name]) for name in expected)
    assert json.loads((tmp_path / "parts" / "last" / "config.json").read_text())["image_size"] == SIZE
