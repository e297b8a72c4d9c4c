import io

import pytest
from rich.console import Console

from cipa.report.fitted_table import FittedTable, print_whole

TABLE = FittedTable(
    ("series", "scanner", "use"),
    [("3", "GE MEDICAL SYSTEMS Discovery", "CT"), ("4", "computer-drawn [phantom]", "")],
)


def shown(width, terminal=True):
    console = Console(file=io.StringIO(), width=width, force_terminal=terminal, color_system=None)
    print_whole(console, TABLE)
    return console.file.getvalue()


def test_where_it_fits_it_is_a_table():
    lines = shown(80).splitlines()
    assert lines[1].split() == ["series", "scanner", "use"]
    assert lines[3].split() == ["3", "GE", "MEDICAL", "SYSTEMS", "Discovery", "CT"]


@pytest.mark.parametrize("width", [30, 40])
def test_a_narrow_terminal_gets_a_block_a_row_with_whole_words(width):
    text = shown(width)
    assert "series 3\n" in text.replace(" \n", "\n")
    assert max(map(len, text.splitlines())) <= width
    for word in ("Discovery", "computer-drawn", "[phantom]", "SYSTEMS"):
        assert word in text
    assert text.count("use") == 1  # nothing is said of an empty cell


def test_a_pipe_gets_the_whole_table_however_wide():
    assert "GE MEDICAL SYSTEMS Discovery   CT" in shown(30, terminal=False)
