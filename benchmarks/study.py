"""A whole study on a CPU: DICOM in, measured lesions and files out; each part by itself, in a fresh process.

The study is real (135 CT slices of 512 x 512 and 135 PET slices, JPEG-LS) where it stands beside the project
in `shared/data/acrin042`; without it nothing is measured. The network is `nano` with random weights, which
marks half of the patient: more to measure and worse to compress than what trained weights find.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

from benchmarks.harness import Row, require
from cipa.models.cipa import create_model

STUDY = Path(__file__).parents[2] / "shared" / "data" / "acrin042"
SLICES = 135

MEASURED = """
import json, resource, sys, time
from pathlib import Path
import numpy as np
import cipa
from cipa.io.dicom.study import read_study
study, weights, device, out = sys.argv[1:]
predictor = cipa.Predictor(weights, device)
mark, before = [time.perf_counter()], time.process_time()
def lap():
    mark.append(time.perf_counter())
    return mark[-1] - mark[-2]
from cipa.inference.inputs import read_input
from cipa.inference.study import predict_study
pair = read_input(study)
read = lap()
options = dict(fit="auto", field_of_view=500.0, ct_window=None, suv_max=None)
found = predict_study(predictor, pair, **options)
segment = lap()
found.save(out)
write = lap()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
print(json.dumps(dict(
    read=read, segment=segment, write=write, peak=peak, slices=found.mask.shape[2],
    cpu=time.process_time() - before, lesions=found.lesion_count, factor=found.facts["suv"]["factor"],
)))
"""


def run() -> list[Row]:
    """Check the SUV factor and the slices, then time reading, segmenting and writing."""
    if not STUDY.is_dir():
        print(f"study: no data at {STUDY}; not measured", file=sys.stderr)
        return []
    rows = _measure("nano", "cpu", "<= 90")
    if torch.cuda.is_available():
        rows += _measure("tiny", "cuda", "<= 3")
    return rows


def _measure(variant: str, device: str, target: str) -> list[Row]:
    torch.manual_seed(0)
    model = create_model(variant)
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(Path(folder, "weights"))
        command = [sys.executable, "-c", MEASURED, str(STUDY), f"{folder}/weights", device, f"{folder}/out"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        require(done.returncode == 0, done.stderr[-300:])
        size = sum(file.stat().st_size for file in Path(folder, "out").iterdir())
    found = json.loads(done.stdout)
    require(found["slices"] == SLICES, f"{found['slices']} slices, not {SLICES}")
    require(abs(found["factor"] / 0.00042111 - 1) < 1e-4, f"SUV factor {found['factor']}")
    total = sum(found[part] for part in ("read", "segment", "write"))
    case = f"{variant} on {device}"
    name = f"study of {SLICES} slices"
    return [
        Row(name, f"{case}: read 270 JPEG-LS files", found["read"], "s", 0, "< 10"),
        Row(name, f"{case}: network and measuring, {found['lesions']} lesions", found["segment"], "s"),
        Row(name, f"{case}: write {size / 2**20:.0f} MiB", found["write"], "s"),
        Row(name, f"{case}: all of it", total, "s", 0, target),
        Row(name, f"{case}: processor time of all threads", found["cpu"], "s"),
        Row(name, f"{case}: peak memory", found["peak"] / 2**30, "GiB", 0, "< 3"),
    ]
