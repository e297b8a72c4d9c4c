"""A table for the terminal: side by side where it fits, else a block a row; no word broken, nothing cut."""

from collections.abc import Iterator, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, RenderableType
from rich.measure import Measurement
from rich.padding import Padding
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

Cell = str | Text


class FittedTable:
    """Rows under headings, for `print_whole`.

    A file or a pipe gets the table however wide it is; a terminal that is too narrow, each row as a block of
    lines, heading and cell, under the row's first cell.
    """

    def __init__(self, headings: Sequence[str], rows: Sequence[Sequence[Cell]], right: bool = False) -> None:
        """Prepare a table.

        Args:
            headings: of the columns; the first is written before a block's name and may be empty.
            rows: cells, as many as headings. The first names the row; no cell is markup.
            right: align all columns but the first at the right, as numbers are.
        """
        self.headings, self.rows, self.right = headings, rows, right

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> Iterator[RenderableType | Segment]:
        """Lay it out for the width at hand."""
        table = self._table()
        needed = Measurement.get(console, options.update(width=10_000), table).maximum
        if needed <= options.max_width:
            yield table
        elif not console.is_terminal:
            yield from console.render(table, options.update(width=needed))
        else:
            yield from self._blocks()

    def _table(self) -> Table:
        table = Table(box=SIMPLE_HEAD, pad_edge=False, header_style="bold")
        for place, heading in enumerate(self.headings):
            table.add_column(heading, no_wrap=True, justify="right" if self.right and place else "left")
        for row in self.rows:
            table.add_row(*map(_text, row))
        return table

    def _blocks(self) -> Iterator[Text | Padding]:
        for row in self.rows:
            yield Text(f"{self.headings[0]} {row[0]}".strip(), style="bold")
            block = Table.grid(padding=(0, 2, 0, 0))
            block.add_column(no_wrap=True)
            block.add_column()
            for heading, cell in zip(self.headings[1:], row[1:], strict=True):
                if str(cell):
                    block.add_row(heading, _text(cell))
            yield Padding(block, (0, 0, 0, 2))


def print_whole(console: Console, what: RenderableType) -> None:
    """Print text or a table: wrapped between words on a terminal, whole lines to a file or a pipe."""
    console.print(what, soft_wrap=not console.is_terminal)


def _text(cell: Cell) -> Text:
    return cell if isinstance(cell, Text) else Text(cell)
