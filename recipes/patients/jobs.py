"""Many short runs on the GPUs of a machine, within stated seconds; what is done is on disk at any moment.

A queue is a JSON list of jobs, see `job`, each with "slots" (1) and "needs", a path below the work folder
that has to be there first and for which slots are kept free. Jobs start in order, each on the GPU with the
most free slots, while it can end before the time is over.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OVERHEAD = 45.0
"""Seconds a job takes besides its training: reading, compiling, scoring."""


@dataclass
class Running:
    """A job under way."""

    job: dict[str, Any]
    gpu: int
    process: subprocess.Popen[bytes]


def run_queue(
    queue: list[dict[str, Any]], work: Path, out: Path, seconds: float, gpus: int, slots: int
) -> list[str]:
    """Run jobs; return the names of those that were not.

    Args:
        queue: jobs in order.
        work: folder with sts/ and phantoms/.
        out: folder for OUT/NAME.json and what else a job leaves.
        seconds: after which no job may be running; those that are then are ended.
        gpus: of this machine; 0 for the CPU.
        slots: a GPU has; a job takes `slots` of them, 1 by default.
    """
    began, waiting, running = time.monotonic(), list(queue), []
    started = time.time()
    out.mkdir(parents=True, exist_ok=True)
    free = [slots] * max(1, gpus)
    while waiting or running:
        left = seconds - (time.monotonic() - began)
        for one in [each for each in running if each.process.poll() is not None]:
            running.remove(one)
            free[one.gpu] += one.job.get("slots", 1)
            print(
                f"{time.monotonic() - began:5.0f} s  {one.job['name']}: exit {one.process.returncode}",
                flush=True,
            )
        if left < 0:
            for one in running:
                one.process.terminate()
            break
        blocked = [job for job in waiting if job.get("needs") and not (work / job["needs"]).exists()]
        kept_free = sum(job.get("slots", 1) for job in blocked)
        for job in [each for each in waiting if each not in blocked]:
            gpu = max(range(len(free)), key=lambda place: free[place])
            wanted = job.get("slots", 1)
            if free[gpu] < wanted or sum(free) - kept_free < wanted or not _fits(job, left):
                continue
            waiting.remove(job)
            free[gpu] -= wanted
            running.append(Running(job, gpu, _start(job, work, out, gpu if gpus else None, started)))
        if not running and not any(_fits(job, left) for job in waiting):
            break
        time.sleep(0.5)
    return [job["name"] for job in waiting]


def _fits(job: dict[str, Any], left: float) -> bool:
    return bool(job["recipe"].get("seconds", 60) + OVERHEAD < left)


def _gpus(visible: str | None) -> Callable[[int], str]:
    """Return what names the n-th of the GPUs that this process may use."""
    return (lambda n: visible.split(",")[n].strip()) if visible else str


def _start(
    job: dict[str, Any], work: Path, out: Path, gpu: int | None, started: float
) -> subprocess.Popen[bytes]:
    environment = dict(os.environ, OMP_NUM_THREADS="1")
    if gpu is not None:
        environment["CUDA_VISIBLE_DEVICES"] = _gpus(environment.get("CUDA_VISIBLE_DEVICES"))(gpu)
    command = [
        sys.executable,
        "-m",
        "recipes.patients",
        "job",
        json.dumps(job | {"started": started}),
        "--work",
        str(work),
        "-o",
        str(out),
    ]
    with (out / f"{job['name']}.log").open("wb") as log:
        return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment)
