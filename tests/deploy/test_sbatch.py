"""The Slurm script trains, is stopped by SIGTERM with its state saved, is queued again, and resumes.

`srun` and `scontrol` are stand-ins that do for one task what Slurm's do: start, signal, locate.
"""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SCRIPT = Path(__file__).parents[2] / "deploy" / "train.sbatch"
SMALL = "--model nano --image-size 128 --batch-size 2 --workers 0 --device cpu --validation-fraction 0.3"

SRUN = """#!/usr/bin/env bash
# Starts the task; where STOP_AFTER names a file, sends SIGTERM as soon as its first lines are there.
while [[ "$1" == --* ]]; do shift; done
export SLURM_PROCID=0 SLURM_LOCALID=0
"$@" &
task=$!
if [ -n "${STOP_AFTER:-}" ]; then
    until [ -f "$STOP_AFTER" ] && [ "$(wc -l < "$STOP_AFTER")" -ge 2 ] || ! kill -0 $task 2>/dev/null; do
        sleep 0.1
    done
    kill -TERM $task
fi
wait $task
"""
SCONTROL = """#!/usr/bin/env bash
if [ "$1" = show ]; then echo localhost; else echo "$@" >> "$CALLS"; fi
"""

pytestmark = pytest.mark.skipif(shutil.which("bash") is None, reason="the script is bash")


@pytest.fixture
def slurm(tmp_path):
    """Run the script as Slurm would; returns a function of its arguments and of STOP_AFTER."""
    programs = tmp_path / "programs"
    programs.mkdir()
    wrapper = f'#!/usr/bin/env bash\nexec "{sys.executable}" -m cipa "$@"\n'
    for name, text in {"srun": SRUN, "scontrol": SCONTROL, "cipa": wrapper}.items():
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)
    calls = tmp_path / "calls"
    calls.touch()

    def run(*arguments, stop_after=""):
        environment = os.environ | {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join(sys.path),
            "SLURM_JOB_ID": "77",
            "SLURM_JOB_NODELIST": "node[1]",
            "SLURM_NTASKS": "1",
            "SLURM_JOB_NUM_NODES": "1",
            "CALLS": str(calls),
            "STOP_AFTER": str(stop_after),
        }
        done = subprocess.run(
            ["bash", SCRIPT, *map(str, arguments)],
            env=environment, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=600,
        )  # fmt: skip
        return done, calls.read_text().splitlines()

    return run


@pytest.fixture
def data(tmp_path):
    """Eight slices of four patients, a bright square in noise."""
    root, draw = tmp_path / "data", np.random.default_rng(0)
    ids = [f"{patient:04d}_{number}" for patient in range(4) for number in range(2)]
    for slice_id in ids:
        (root / slice_id[:4]).mkdir(parents=True, exist_ok=True)
        mask = np.zeros((128, 128), np.uint8)
        mask[40:60, 50:70] = 255
        for kind, image in {"CT": mask // 4, "PET": mask // 2, "mask": mask}.items():
            noise = 0 if kind == "mask" else draw.integers(0, 50, mask.shape).astype(np.uint8)
            Image.fromarray(image + noise).save(root / slice_id[:4] / f"{slice_id}_{kind}.png")
    (root / "train.txt").write_text("\n".join(ids))
    return root


def test_the_job_asks_for_its_signal_in_time_and_may_be_queued_again():
    wanted = [line for line in SCRIPT.read_text().splitlines() if line.startswith("#SBATCH")]
    assert "#SBATCH --signal=TERM@120" in wanted
    assert "#SBATCH --requeue" in wanted
    assert "#SBATCH --open-mode=append" in wanted


def test_without_data_the_script_says_how_it_is_called(slurm):
    done, calls = slurm("DATA")
    assert done.returncode == 2
    assert done.stderr.startswith("usage: sbatch deploy/train.sbatch DATA RUN")
    assert calls == []


def test_an_error_of_training_ends_the_job_and_is_not_queued_again(slurm, tmp_path):
    done, calls = slurm(tmp_path / "absent", tmp_path / "run", *SMALL.split())
    assert done.returncode == 1
    assert "absent" in done.stderr
    assert calls == []


@pytest.mark.slow
def test_a_job_that_is_stopped_is_queued_again_and_resumes(slurm, data, tmp_path):
    run = tmp_path / "run"
    options = [data, run, *SMALL.split(), "--epochs", "12"]
    done, calls = slurm(*options, stop_after=run / "metrics.csv")
    assert done.returncode == 0, done.stderr
    assert f"stopped by {signal.SIGTERM.name}" in done.stderr
    assert "state saved: job 77 is queued again" in done.stdout
    assert calls == ["requeue 77"]

    done, calls = slurm(*options)
    assert done.returncode == 0, done.stderr
    assert "resumed at step" in done.stdout + done.stderr
    assert "done: " in done.stdout
    assert calls == ["requeue 77"]
