"""Collects the problems of all patients before deciding, so that the first does not hide the others."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

from cipa.errors import CipaError, DataError
from cipa.parallel import runner
from cipa.progress import Progress
from cipa.text import plural


class Named(Protocol):
    """A piece of work with the name its problems are reported under."""

    @property
    def name(self) -> str:
        """What the user calls the patient."""


Item = TypeVar("Item", bound=Named)
Result = TypeVar("Result")


@dataclass(frozen=True)
class Problem:
    """Why one patient cannot be converted.

    Attributes:
        name: what the user calls the patient.
        detail: one line: thing, value, way out.
        files: of the patient, as far as they were found.
    """

    name: str
    detail: str
    files: tuple[Path, ...] = ()

    def __str__(self) -> str:
        return f"{self.name}: {self.detail}"


class ConversionError(DataError):
    """Some patients cannot be converted and nothing was written; `problems` says which and why."""

    def __init__(self, message: str, problems: Iterable[Problem] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems)


def gather(
    job: Callable[[Item], Result],
    items: Sequence[Item],
    known: Sequence[Problem],
    skip_bad: bool,
    workers: int,
    progress: Progress | None,
) -> tuple[list[Result], tuple[Problem, ...]]:
    """Do a job for every patient and collect what goes wrong.

    Args:
        job: raises `CipaError` for a patient that cannot be converted; pickled if there are several workers.
        items: the patients.
        known: problems of patients that never came to be items.
        skip_bad: go on without the patients that have problems.
        workers: processes.
        progress: called after each patient.

    Returns:
        Results in the order of completion, and all problems by name.

    Raises:
        ConversionError: there are problems and `skip_bad` is not set, or not one patient is left.
    """
    results: list[Result] = []
    problems = list(known)
    with runner(max(1, min(workers, len(items)))) as run:
        for done, outcome in enumerate(run(partial(_attempt, job), items), 1):
            if isinstance(outcome, Problem):
                problems.append(outcome)
            else:
                results.append(outcome)
            if progress:
                progress(done, len(items))
    problems.sort(key=lambda problem: problem.name)
    _judge(len(results), problems, skip_bad)
    return results, tuple(problems)


def _attempt(job: Callable[[Item], Result], item: Item) -> Result | Problem:
    try:
        return job(item)
    except CipaError as error:
        return Problem(item.name, str(error))
    except PermissionError as error:
        return Problem(item.name, f"no permission for {error.filename}; change its owner or its mode")


def _judge(good: int, problems: Sequence[Problem], skip_bad: bool) -> None:
    total = good + len({problem.name for problem in problems})
    if not good:
        raise ConversionError(
            f"none of {plural(total, 'patient')} can be converted; nothing was written", problems
        )
    if problems and not skip_bad:
        raise ConversionError(
            f"{total - good} of {plural(total, 'patient')} cannot be converted, so nothing was written: "
            "put them right, or leave them out with --skip-bad",
            problems,
        )
