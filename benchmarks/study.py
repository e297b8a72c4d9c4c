"""A whole study, as `cipa predict` does it: DICOM in; mask, SEG, tables and report out; stage by stage.

    python -m benchmarks study
    python -m benchmarks study --study FOLDER --weights PATH --device cuda

The study is real (135 CT slices of 512 x 512 and 135 PET slices, JPEG-LS) where it stands beside the project
in `shared/data/acrin042`, or is given; without one nothing is measured. On a CPU the network is that in the
package. On a GPU it is `tiny` with random weights in fp16, 16 slices a pass; what a threshold on PET marks
stands for its answer. The target holds from the loaded network to the last file. A second study in the same
process shows what the first one had to set up.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

from benchmarks.harness import Row, require

STUDY = Path(__file__).parents[2] / "shared" / "data" / "acrin042"
SLICES, FACTOR = 135, 0.00042111
"""Of that study."""

TARGETS = {"cpu": "<= 15", "cuda": "<= 1.8"}


def run(study: str | None = None, weights: str | None = None, device: str | None = None) -> list[Row]:
    """Time every stage of a study on the CPU and on the GPU where there is one, or on `device`."""
    place = Path(study) if study else STUDY
    if not place.exists():
        print(f"study: no data at {place}; not measured", file=sys.stderr)
        return []
    rows = []
    for on in [device] if device else ["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"]:
        if weights:
            rows += _measure(place, on, Path(weights).name, ["--weights", weights])
        elif on == "cpu":
            rows += _measure(place, on, "nano", [])
        else:
            rows += _measure(place, on, "tiny, fp16, 16 a pass", ["--random", "tiny"])
    return rows


def _measure(study: Path, device: str, name: str, options: list[str]) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "out")
        command = [sys.executable, "-m", "benchmarks.study_stages", str(study), device, str(out), *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        require(done.returncode == 0, done.stderr[-300:])
        facts = json.loads((out / "lesions.json").read_text())["facts"]
        size = sum(file.stat().st_size for file in out.rglob("*") if file.is_file())
    if study.name == STUDY.name:
        require(facts["ct"]["shape"][-1] == SLICES, f"{facts['ct']['shape']} voxels, not {SLICES} slices")
        require(abs(facts["suv"]["factor"] / FACTOR - 1) < 1e-4, f"SUV factor {facts['suv']['factor']}")
    found = json.loads(done.stdout)
    benchmark = f"study of {facts['ct']['shape'][-1]} slices"

    def row(case: str, value: float, unit: str = "s", target: str = "") -> Row:
        return Row(benchmark, f"{name}: {case}", value, unit, target=target, on=device.split(":")[0])

    rows = [row("load network and writers", found["loaded"])]
    for which, measured in zip(("first", "second"), found["runs"], strict=True):
        rows += [row(f"{which}, {stage}", value) for stage, value in measured["stages"].items()]
        target = TARGETS.get(device.split(":")[0], "")
        about = f"{measured['lesions']} lesions, {size / 2**20:.0f} MiB"
        rows.append(row(f"{which}, all of it: {about}", measured["all"], target=target))
        rows.append(row(f"{which}, processor time of all threads", measured["processor"]))
    return [*rows, row("peak memory", found["peak"] / 2**30, "GiB", "< 2" if device == "cpu" else "")]
