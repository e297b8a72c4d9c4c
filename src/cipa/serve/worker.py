"""The worker process: one network loaded once, one study after another.

It is a process of its own, so that a study that crashes a decoder or fills the memory takes neither the node
nor another study with it: it is ended and started again, and the spool says what was not finished.
"""

import gc
import multiprocessing
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cipa.errors import CipaError, UsageError
from cipa.serve.lock import lock_file
from cipa.serve.log import mute_libraries
from cipa.serve.queue import Turn
from cipa.serve.settings import Segmentation
from cipa.serve.spool import Spool
from cipa.serve.turn_result import TurnResult
from cipa.signals import end_with_parent, ignore_stop_signals

if sys.platform == "win32":
    from multiprocessing.connection import PipeConnection as Connection
else:
    from multiprocessing.connection import Connection

START_S = 600.0
"""Seconds to load the network in: kernels for a GPU may have to be compiled."""


class WorkerDiedError(CipaError):
    """The worker ended, or was ended, before its study was done."""


@dataclass(frozen=True)
class Ready:
    """What a worker says when its network is loaded.

    Attributes:
        device: it runs on.
        names: of the weights.
    """

    device: str
    names: tuple[str, ...]


class Worker:
    """The worker as the node sees it; `segment` may be called from one thread at a time."""

    def __init__(self, spool: Path, settings: Segmentation) -> None:
        """Remember what the process is to be started with; `start` starts it."""
        self.spool, self.settings = spool, settings
        self.process: Any = None
        self.connection: Connection | None = None

    def start(self) -> Ready:
        """Start the process and wait until its network is loaded.

        Raises:
            UsageError: the weights or an option of the network cannot be used.
            WorkerDiedError: it ended or did not begin in time.
        """
        self.end()
        context = multiprocessing.get_context("spawn")
        self.connection, other = context.Pipe()
        self.process = context.Process(
            target=_run, args=(other, self.spool, self.settings), name="cipa-worker", daemon=True
        )
        self.process.start()
        other.close()
        found = self._receive(START_S)
        if isinstance(found, Ready):
            return found
        self.end()
        raise UsageError(f"segmentation: {found}")

    def segment(self, turn: Turn, changed: str, timeout_s: float) -> TurnResult:
        """Segment a study.

        Raises:
            WorkerDiedError: the process ended meanwhile, or took too long and was ended.
        """
        if self.process is None or not self.process.is_alive():
            self.start()
        assert self.connection is not None
        try:
            self.connection.send((turn.study, turn.images, turn.known, changed))
        except OSError as error:
            raise WorkerDiedError("the worker has ended") from error
        found = self._receive(timeout_s)
        assert isinstance(found, TurnResult)
        return found

    def end(self) -> None:
        """End the process, at once."""
        if self.process is not None:
            self.process.kill()
            self.process.join()
            self.process.close()
            self.process = None
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def _receive(self, timeout_s: float) -> Any:
        assert self.connection is not None
        try:
            if self.connection.poll(timeout_s):
                return self.connection.recv()
        except (EOFError, OSError) as error:
            self.process.join(10)
            code = self.process.exitcode
            self.end()
            raise WorkerDiedError(f"the worker ended ({_cause_of(code)})") from error
        self.end()
        raise WorkerDiedError(f"not done after {timeout_s:g} s; the worker was ended")


def _cause_of(code: int | None) -> str:
    if code is None or code >= 0:
        return f"exit code {code}"
    return f"signal {-code}" + (", perhaps memory ran out" if code == -9 else "")


def _run(connection: Connection, root: Path, settings: Segmentation) -> None:
    """Load the network, then segment what the node names, until the node is gone."""
    ignore_stop_signals()
    end_with_parent()
    mute_libraries()
    from cipa.serve.segment import segment_turn  # brings PyTorch, of which the node itself has no need

    spool = Spool(root)
    with (root / "worker.lock").open("w") as lock:
        lock_file(lock, wait=True)  # a worker whose node was killed may need a moment to end
        spool.clear_work()
        try:
            job = make_job(settings)
        except CipaError as error:
            connection.send(str(error))
            return
        gc.freeze()
        connection.send(Ready(str(job.predictor.device), tuple(job.predictor.names)))
        while True:
            try:
                study, images, known, changed = connection.recv()
            except EOFError:
                return
            connection.send(segment_turn(job, spool, study, images, known, changed))
            gc.collect()


def make_job(settings: Segmentation) -> Any:
    """Load the network and name the writers of its results.

    Returns:
        A `cipa.inference.batch.Job`.

    Raises:
        DataError, UsageError: as `cipa.inference.predictor.Predictor`.
    """
    from cipa.inference.batch import Job
    from cipa.inference.options import VolumeOptions
    from cipa.inference.passes import split_threads
    from cipa.inference.predictor import Predictor
    from cipa.io.dicom.seg import load_writer
    from cipa.models.checkpoints.locate import locate_weights

    loading = threading.Thread(target=load_writer)
    loading.start()
    predictor = Predictor(
        [locate_weights(one) for one in settings.weights] or None,
        device=settings.device,
        batch_size=settings.batch_size,
        threshold=settings.threshold,
        precision=settings.precision,
        passes=split_threads(settings.device, settings.batch_size),
    )
    loading.join()
    options = VolumeOptions(min_suv=settings.min_suv, keep_all=settings.keep_all)
    return Job(predictor, options, also=_writers(settings), objects=settings.objects)


def _writers(settings: Segmentation) -> Sequence[Any]:
    writers: list[Any] = []
    if settings.report:
        from cipa.report.study import write_study_report

        writers.append(write_study_report)
    if {"sc", "pdf"} & set(settings.objects):
        from cipa.report.dicom import WRITERS

        writers += [WRITERS[kind] for kind in settings.objects if kind in WRITERS]
    return tuple(writers)
