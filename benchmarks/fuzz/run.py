"""Run damaged inputs in processes of their own, each bounded in time and memory, and count what happened.

    python -m benchmarks fuzz --inputs 10000 --seed 0

An input is right if it is taken, or refused in one printable line that names its file. Every input follows
from the seed, its target and its number alone, so that one of them can be repeated:

    python -m benchmarks fuzz --seed 0 --only "NIfTI" --number 17
"""

import logging
import multiprocessing
import os
import random
import re
import resource
import shutil
import signal
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from benchmarks.fuzz.targets import TARGETS, Target

SECONDS = 20
"""An input may take."""

MOST_BYTES = 3 * 2**30
"""Of memory that an input may take."""

SETUP_SECONDS = 300
"""A process may take to import the package and to make a good input."""

LONGEST_LINE = 1000
"""Characters of a refusal."""

KINDS = (
    "taken",
    "refused",
    "traceback",
    "hang",
    "memory",
    "control characters",
    "no file",
    "long line",
    "python warning",
)
FAULTS = KINDS[2:]


Job = tuple[str, int]
"""Name of a target and number of an input."""


@dataclass
class Outcome:
    """What happened to one input.

    Attributes:
        target: name of the reader.
        number: of the input.
        kind: of `KINDS`.
        detail: the line, or the end of the traceback.
        seconds: it took to read.
    """

    target: str
    number: int
    kind: str
    detail: str = ""
    seconds: float = 0.0


@dataclass
class Report:
    """What happened to all of them.

    Attributes:
        counts: (target, kind) to how many.
        slowest: target to the longest time that one of its inputs took.
        faults: the outcomes that are none of taken and refused.
        seconds: it took.
    """

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    slowest: dict[str, float] = field(default_factory=dict)
    faults: list[Outcome] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, outcome: Outcome) -> None:
        """Count an outcome."""
        self.counts[outcome.target, outcome.kind] += 1
        self.slowest[outcome.target] = max(self.slowest.get(outcome.target, 0), outcome.seconds)
        if outcome.kind in FAULTS:
            self.faults.append(outcome)

    def table(self) -> str:
        """Return the counts as a Markdown table, a row a target and a last one of sums."""
        lines = ["| reader | inputs | " + " | ".join((*KINDS, "slowest, s")) + " |"]
        lines.append("|---" * (len(KINDS) + 3) + "|")
        names = [target.name for target in TARGETS if any(self.counts[target.name, kind] for kind in KINDS)]
        for name in [*names, "all"]:
            of = names if name == "all" else [name]
            counts = [sum(self.counts[one, kind] for one in of) for kind in KINDS]
            slowest = max((self.slowest.get(one, 0.0) for one in of), default=0.0)
            cells = [name, f"{sum(counts):,}", *(f"{count:,}" for count in counts), f"{slowest:.1f}"]
            lines.append(f"| {' | '.join(cells)} |")
        return "\n".join(lines)


class _TooLong(BaseException):
    """No handler of Exception may swallow it."""


def fuzz(inputs: int, seed: int = 0, only: str | None = None, number: int | None = None) -> Report:
    """Give every reader its share of damaged inputs.

    Args:
        inputs: in all.
        seed: of every draw.
        only: name of the one reader to try.
        number: of the one input to try.

    Returns:
        The counts.
    """
    targets = [target for target in TARGETS if only in (None, target.name)]
    total = sum(target.share for target in targets)
    jobs: list[Job] = []
    for target in targets:
        share = range(max(1, round(inputs * target.share / total))) if number is None else [number]
        jobs += [(target.name, one) for one in share]
    report, began = Report(), time.monotonic()
    for outcome in _run_jobs(jobs, seed):
        report.add(outcome)
    report.seconds = time.monotonic() - began
    return report


def _run_jobs(jobs: Sequence[Job], seed: int) -> Iterator[Outcome]:
    """Run inputs one by one in a process; where it hangs or dies, count that and go on behind."""
    context = multiprocessing.get_context("spawn")
    left = list(jobs)
    while left:
        here, there = context.Pipe(duplex=False)
        process = context.Process(target=_work, args=(left, seed, there), daemon=True)
        process.start()
        there.close()
        ready = ""
        try:
            while left:
                name, number = left[0]
                if not here.poll(SECONDS * 3 if ready == name else SETUP_SECONDS):
                    _require_ready(ready, name)
                    yield Outcome(name, number, "hang", "no answer, not even to a signal")
                    left.pop(0)
                    break
                told = here.recv()
                if isinstance(told, str):
                    ready = told
                    continue
                left.pop(0)
                yield told
        except EOFError:
            name, number = left.pop(0)
            _require_ready(ready, name)
            yield Outcome(name, number, "memory", "the process was killed")
        finally:
            process.kill()
            process.join()


def _require_ready(ready: str, name: str) -> None:
    if ready != name:
        raise RuntimeError(f"{name}: a good input could not be made and read")


def _work(jobs: Sequence[Job], seed: int, channel: Any) -> None:
    """Run in the child process: send a target's name when it can be tried, and each outcome."""
    signal.signal(signal.SIGALRM, _stop)
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as root:
        for name, group in groupby(jobs, key=lambda job: job[0]):
            target = next(one for one in TARGETS if one.name == name)
            good = _prepare(target, Path(root))
            channel.send(name)
            for _, number in group:
                work = Path(root, f"input-{number}")
                shutil.copytree(good, work)
                channel.send(_try(target, seed, number, work))
                shutil.rmtree(work, ignore_errors=True)
            shutil.rmtree(good)


def _prepare(target: Target, root: Path) -> Path:
    """Make a good input and read it: what this imports and compiles is no damaged input's doing."""
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (hard, hard))
    good, warm = root / "good", root / "warm"
    good.mkdir()
    target.make(good)
    shutil.copytree(good, warm)
    target.read(warm)
    shutil.rmtree(warm)
    resource.setrlimit(resource.RLIMIT_AS, (_vm("VmSize") + MOST_BYTES, hard))
    return good


def _try(target: Target, seed: int, number: int, work: Path) -> Outcome:
    target.damage(random.Random(f"{seed} {target.name} {number}"), work)
    _forget_peak()
    before, began = _vm("VmRSS"), time.monotonic()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        kind, detail = _read(target, work)
    seconds, grown = time.monotonic() - began, _vm("VmHWM") - before
    foreign = [one for one in caught if not one.category.__module__.startswith("cipa.")]
    if kind in ("taken", "refused") and grown > MOST_BYTES:
        kind, detail = "memory", f"{grown / 2**30:.1f} GiB; {detail}"
    elif kind in ("taken", "refused") and foreign:
        kind, detail = "python warning", str(foreign[0].message)[:300]
    return Outcome(target.name, number, kind, detail, seconds)


def _read(target: Target, work: Path) -> tuple[str, str]:
    from cipa.errors import CipaError

    signal.alarm(SECONDS)
    try:
        target.read(work)
        return "taken", ""
    except CipaError as error:
        line = str(error)
    except OSError as error:
        if error.errno is None or error.filename is None:
            return "traceback", _end_of(error)
        line = f"{error.filename}: {error.strerror}"
    except _TooLong:
        return "hang", f"more than {SECONDS} s"
    except MemoryError as error:
        return "memory", _end_of(error)
    except Exception as error:
        return "traceback", _end_of(error)
    finally:
        signal.alarm(0)
    return _judge(line, work), line


def _judge(line: str, work: Path) -> str:
    if not line.isprintable():
        return "control characters"
    if "memory ran out" in line:
        return "memory"
    if len(line) > LONGEST_LINE:
        return "long line"
    # what is said of one patient of many, or of one file of a study, names it in other ways
    named = str(work) in line or any(path.name in line for path in work.rglob("*"))
    return "refused" if named or re.search(r"patients? can be converted", line) else "no file"


def _end_of(error: BaseException) -> str:
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "cipa" in frame.filename]
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
    return f"{place} {type(error).__name__}: {str(error)[:200]}"


def _stop(*_: Any) -> None:
    raise _TooLong


def _vm(name: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    return 0


def _forget_peak() -> None:
    """Set the highest resident memory back to the present one (Linux)."""
    with open(os.path.join("/proc/self", "clear_refs"), "w") as file:  # noqa: PTH118, PTH123
        file.write("5")
