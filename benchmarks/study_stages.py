"""`cipa predict` on one study, each stage timed where the package calls it; `benchmarks.study` starts it.

    python -m benchmarks.study_stages STUDY DEVICE OUT [--weights PATH | --random VARIANT]

Prints JSON: seconds to load; for a first and a second study in one process the seconds of each stage, from
the beginning of its first call to the end of its last (what is written is written side by side), and of all.
"""

import argparse
import gc
import json
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch

STAGES = {
    "find the study": "cipa.io.studies.find_studies",
    "read headers": "cipa.inference.locations.read_study",
    "read pixels": "cipa.inference.locations.read_input",
    "network, windows, resampling": "cipa.inference.study.predict_volume",
    "number lesions": "cipa.inference.study.label_lesions",
    "measure lesions": "cipa.inference.study.measure_lesions",
    "write": "cipa.inference.batch.save_prediction",
    "write: mask and probability": "cipa.inference.save.write_volume",
    "write: SEG": "cipa.inference.dicom_objects.write_seg",
    "write: report": "cipa.report.study.write_study_report",
    "write: report, projections": "cipa.report.pictures.save_mip",
    "write: report, panels": "cipa.report.pictures.save_lesion_panel",
    "write: report, page": "cipa.report.study.render",
}

ON_GPU: dict[str, Any] = {"batch_size": 16, "precision": "fp16"}
"""How a GPU is used well: `cipa predict --batch-size 16 --precision fp16`."""

ON_CPU = 4
"""Slices a batch, as `cipa predict` has them."""

MARKED_SUV, SMALLEST_ML = 6.25, 0.1
"""What stands for the answer of random weights, which is half of the patient: 13 lesions of the study."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    for name in ("study", "device", "out"):
        parser.add_argument(name)
    parser.add_argument("--weights", help="by default those in the package")
    parser.add_argument("--random", metavar="VARIANT", help="random weights; lesions by a threshold on PET")
    arguments = parser.parse_args()
    begun = time.perf_counter()
    from cipa.inference.batch import Job, run_study
    from cipa.io import studies

    predictor = _loaded(arguments.weights, arguments.random, arguments.device)
    spans = _timed()
    from cipa.report.study import write_study_report

    gc.freeze()  # as the command does
    loaded = time.perf_counter() - begun
    job = Job(predictor, also=(write_study_report,), overwrite=True)

    def work() -> Any:
        (place,) = studies.find_studies(Path(arguments.study))
        return run_study(job, place, Path(arguments.out))

    runs = [_run(work, spans) for _ in range(2)]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    print(json.dumps({"loaded": loaded, "runs": runs, "peak": peak}))


def _loaded(weights: str | None, variant: str | None, device: str) -> Any:
    import cipa
    from cipa.inference import study
    from cipa.inference.passes import split_threads
    from cipa.io.dicom.seg import load_writer
    from cipa.io.grid import resample
    from cipa.io.orientation import axial_stack

    load_writer()
    settings = ON_GPU if device.startswith("cuda") else {"passes": split_threads(device, ON_CPU)}
    if variant is None:
        return cipa.Predictor(weights, device, **settings)
    torch.manual_seed(0)
    predictor = cipa.Predictor(cipa.create_model(variant), device, **settings)
    predictor.smallest_ml = SMALLEST_ML
    predict_volume = study.predict_volume

    def marked(*given: Any, **options: Any) -> Any:
        volume = predict_volume(*given, **options)
        _, ct, pet = given[:3]
        suv = resample(pet.array, pet.affine, ct.affine, ct.shape)
        mask = np.empty_like(volume.mask)
        mask[...] = suv >= MARKED_SUV
        marked = [np.ones(int(one.sum()), np.float32) for one in axial_stack(mask, ct.affine)[0]]
        return replace(volume, mask=mask, marked=marked)

    study.predict_volume = marked
    return predictor


def _timed() -> dict[str, list[tuple[float, float]]]:
    """Put a clock around every stage; return when each call began and ended, filled as they are made."""
    spans: dict[str, list[tuple[float, float]]] = {stage: [] for stage in STAGES}
    for stage, place in STAGES.items():
        module, name = place.rsplit(".", 1)
        owner = import_module(module)
        setattr(owner, name, _clocked(getattr(owner, name), spans[stage]))
    return spans


def _clocked(work: Callable[..., Any], calls: list[tuple[float, float]]) -> Callable[..., Any]:
    def clocked(*given: Any, **options: Any) -> Any:
        begun = time.perf_counter()
        try:
            return work(*given, **options)
        finally:
            calls.append((begun, time.perf_counter()))

    return clocked


def _run(work: Callable[[], Any], spans: dict[str, list[tuple[float, float]]]) -> dict[str, Any]:
    for calls in spans.values():
        calls.clear()
    begun, before = time.perf_counter(), time.process_time()
    outcome = work()
    return {
        "all": time.perf_counter() - begun,
        "processor": time.process_time() - before,
        "lesions": outcome.totals["lesions"],
        "stages": {
            stage: max(end for _, end in calls) - min(first for first, _ in calls)
            for stage, calls in spans.items()
            if calls
        },
    }


if __name__ == "__main__":
    main()
