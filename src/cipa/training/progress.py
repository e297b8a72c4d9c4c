"""What a run shows while it goes: a bar on a terminal, a line now and then elsewhere."""

import time
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

SECONDS_BETWEEN_LINES = 30
"""Without a terminal: a log file stays readable and still shows that the run lives."""


class Display:
    """Progress of a run on standard output; silent on all processes but the first, and where asked."""

    def __init__(
        self, total: int, done: int, *, silent: bool = False, console: Console | None = None
    ) -> None:
        """Prepare a display; it appears on entering it.

        Args:
            total: optimiser steps of the run.
            done: steps already done when it is resumed.
            silent: show nothing.
            console: where to; by default standard output.
        """
        self.console = console or Console(quiet=silent, highlight=False)
        self.total = total
        self._done = done
        self._stack = ExitStack()
        self._bar: Progress | None = None
        self._last_line = float("-inf")
        self._began = time.monotonic()
        self._first = done

    def __enter__(self) -> Self:
        if self.console.is_terminal and not self.console.quiet:
            self._bar = self._stack.enter_context(
                Progress(
                    TextColumn("{task.description}"),
                    BarColumn(bar_width=None),
                    MofNCompleteColumn(),
                    TimeElapsedColumn(),
                    TextColumn("left"),
                    TimeRemainingColumn(),
                    TextColumn("{task.fields[numbers]}"),
                    console=self.console,
                )
            )
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
