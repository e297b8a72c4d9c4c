"""Tables for the terminal: side by side where they fit, else a block a row; no word is broken."""

from collections.abc import Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

Cell = str | Text


def make_console() -> Console:
    """Return the console that verbs print to; numbers and paths keep the terminal's own colour."""
    return Console(highlight=False)


def print_table(console: Console, headings: Sequence[str], rows: Sequence[Sequence[Cell]]) -> None:
    """Print rows under headings; on a terminal that is too narrow, each row as lines of heading and cell.

    Args:
        console: where to; a pipe or a file gets the table however wide it is.
        headings: of the columns.
        rows: cells, as many as headings. The first names the row.
    """
    table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, no_wrap=True)
    for row in rows:
        table.add_row(*row)
    room = console.options.update(width=10_000)
    needed = Measurement.get(console, room, table).maximum
    if needed <= console.width:
        console.print(table)
    elif not console.is_terminal:
        console.print(table, width=needed, soft_wrap=True)
    else:
        for row in rows:
            _print_block(console, headings, row)


def print_line(console: Console, line: str, head: str = "", style: str = "") -> None:
    """Print a line of text, wrapped between words on a terminal; brackets in it are no markup.

    Args:
        console: where to.
        line: the text.
        head: a word before it, in `style`.
        style: rich's name of colour and weight.
    """
    text = Text.assemble((head, style), " " * bool(head), line) if head else Text(line, style)
    console.print(text, soft_wrap=not console.is_terminal)


def _print_block(console: Console, headings: Sequence[str], row: Sequence[Cell]) -> None:
    console.print(Text(f"{headings[0]} {row[0]}", style="bold"))
    block: Any = Table.grid(padding=(0, 2, 0, 0))
    block.add_column(no_wrap=True)
    block.add_column()
    for heading, cell in zip(headings[1:], row[1:], strict=True):
        if str(cell):
            block.add_row(heading, cell)
    console.print(Padding(block, (0, 0, 0, 2)))
