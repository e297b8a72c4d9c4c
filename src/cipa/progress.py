"""What a command shows while it works: bars on a terminal, a line now and then elsewhere.

rich is imported where a bar is made, as library code takes the type `Progress` from here.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from rich.console import Console

Progress = Callable[[int, int], None]
"""Called with what is done and with the total: patients, slices, studies."""

SECONDS_BETWEEN_LINES = 30
"""Without a terminal: a log file stays readable and still shows that the run lives."""


@contextmanager
def progress_bar(label: str) -> Iterator[Progress]:
    """Show one bar on standard error while the block runs; nothing where that is no terminal.

    Args:
        label: what is counted, such as `converting patients`.

    Yields:
        The function to call with what is done and with the total.
    """
    with _bars() as bars:
        task = bars.add_task(label, total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)


@contextmanager
def counting_bar(label: str, total: int) -> Iterator[Callable[[], None]]:
    """Show one bar while the block runs, which the function given moves by one of `total`."""
    with _bars() as bars:
        task = bars.add_task(label, total=total)
        yield lambda: bars.advance(task)


@contextmanager
def slice_bar() -> Iterator[Progress]:
    """Show a bar of slices while the block runs."""
    with study_bars(1) as bars:
        yield bars.slices


class StudyBars:
    """Studies done of all, and slices done of the study at hand."""

    def __init__(self, bars: Any, studies: int) -> None:
        self._bars = bars
        self._studies = bars.add_task("studies", total=studies, visible=studies > 1)
        self._slices = bars.add_task("slices", total=None)

    def slices(self, done: int, total: int) -> None:
        """Show slices done of the study at hand."""
        self._bars.update(self._slices, completed=done, total=total)

    def study_done(self) -> None:
        """Show one more study as done."""
        self._bars.advance(self._studies)
        self._bars.reset(self._slices, total=None)


@contextmanager
def study_bars(studies: int) -> Iterator[StudyBars]:
    """Show a bar of studies, if there are several, and one of slices; lines printed meanwhile stand above."""
    with _bars() as bars:
        yield StudyBars(bars, studies)


class Display:
    """Progress of a run on standard output; silent on all processes but the first, and where asked."""

    def __init__(
        self, total: int, done: int, *, silent: bool = False, console: "Console | None" = None
    ) -> None:
        """Prepare a display; it appears on entering it.

        Args:
            total: optimiser steps of the run.
            done: steps already done when it is resumed.
            silent: show nothing.
            console: where to; by default standard output.
        """
        from rich.console import Console

        self.console = console or Console(quiet=silent, highlight=False)
        self.total = total
        self._done = done
        self._stack = ExitStack()
        self._bar: Any = None
        self._last_line = float("-inf")
        self._began = time.monotonic()
        self._first = done

    def __enter__(self) -> Self:
        if self.console.is_terminal and not self.console.quiet:
            self._bar = self._stack.enter_context(_training_bar(self.console))
            self._task = self._bar.add_task("training", total=self.total, completed=self._done, numbers="")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def numbers(self, step: int, loss: float, lr: float, speed: float, memory: float) -> None:
        """Show the latest numbers: mean loss, learning rate, slices a second, MiB."""
        text = f"loss {loss:.4f}  lr {lr:.2e}  {speed:.1f} slices/s  {memory:,.0f} MiB"
        if self._bar:
            self._bar.update(self._task, completed=step, numbers=text)
        elif step == self.total or time.monotonic() - self._last_line >= SECONDS_BETWEEN_LINES:
            self._last_line = time.monotonic()
            self.line(f"step {step}/{self.total}  {text}  {self._time_left(step)} left")

    def phase(self, name: str) -> None:
        """Name what the bar is busy with."""
        if self._bar:
            self._bar.update(self._task, description=name)

    def line(self, text: str) -> None:
        """Print a line above the bar."""
        self.console.print(text, soft_wrap=True, markup=False)

    def _time_left(self, step: int) -> str:
        done = max(1, step - self._first)
        seconds = int((time.monotonic() - self._began) / done * (self.total - step))
        return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


@contextmanager
def _bars() -> Iterator[Any]:
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
    ) as bars:
        yield bars


def _training_bar(console: "Console") -> Any:
    """Return a bar with the numbers on a line of their own: beside it they do not fit into 80 columns."""
    from rich.console import Group
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class Bar(Progress):
        def get_renderables(self) -> Iterator[Any]:
            """Yield each task's bar with its numbers on the line below."""
            for task in self.tasks:
                numbers = Text(task.fields["numbers"], no_wrap=True, overflow="ellipsis")
                yield Group(self.make_tasks_table([task]), numbers)

    columns = (TextColumn("{task.description}"), BarColumn(bar_width=None), MofNCompleteColumn())
    return Bar(*columns, TimeRemainingColumn(), TextColumn("left"), console=console, expand=True)
