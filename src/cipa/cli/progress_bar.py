"""Bars on standard error where that is a terminal, nothing elsewhere."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def slice_bar() -> Iterator[Callable[[int, int], None]]:
    """Give a function to call with slices done and their total."""
    with study_bars(1) as bars:
        yield bars.slices


class Bars:
    """Studies done of all, and slices done of the study at hand."""

    def __init__(self, bar: Any, studies: int) -> None:
        self._bar = bar
        self._studies = bar.add_task("studies", total=studies, visible=studies > 1)
        self._slices = bar.add_task("slices", total=None)

    def slices(self, done: int, total: int) -> None:
        """Show slices done of the study at hand."""
        self._bar.update(self._slices, completed=done, total=total)

    def study_done(self) -> None:
        """Show one more study as done."""
        self._bar.advance(self._studies)
        self._bar.reset(self._slices, total=None)


@contextmanager
def study_bars(studies: int) -> Iterator[Bars]:
    """Show bars while the block runs; lines printed meanwhile stand above them."""
    import sys

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(
        *columns,
        console=console,
        transient=True,
        disable=not console.is_terminal,
        redirect_stdout=sys.stdout.isatty(),  # a file that takes the lines must not lose them to the terminal
    ) as bar:
        yield Bars(bar, studies)
