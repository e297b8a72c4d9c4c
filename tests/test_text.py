import pytest

from cipa.text import LONGEST, cell, plural, printable


def test_plain_text_of_any_language_passes_unchanged():
    for text in ("CT of the thorax", "Müller 肺 ομάδα", "no\u00a0break", ""):
        assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb", r"a\nb"),
        ("a\rb\tc", r"a\rb\tc"),
        ("\x1b[31mred", r"\x1b[31mred"),
        ("\x9b2J", r"\x9b2J"),
        ("safe\u202egpj.exe", r"safe\u202egpj.exe"),
        ("\u2066left\u2069", r"\u2066left\u2069"),
        ("a\u2028b", r"a\u2028b"),
        ("\udcff.dcm", r"\udcff.dcm"),
        ("nul\0", r"nul\x00"),
        ("zero\u200bwidth", r"zero\u200bwidth"),
    ],
)
def test_what_acts_on_a_terminal_is_shown_as_an_escape(text, shown):
    assert printable(text) == shown


def test_a_line_is_never_longer_than_a_terminal_can_bear():
    line = printable("a" * 10**6 + "end")
    assert len(line) <= LONGEST
    assert line.endswith("end")


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "＝", "＋", "－", "＠", " =", "  +"])
def test_a_cell_is_never_a_formula(start):
    assert cell(f"{start}cmd|calc!A0") == f"'{start}cmd|calc!A0"


@pytest.mark.parametrize("text", ["\t=1", "\r=1", "\n=1", "a;=1", "a\t=1"])
def test_a_cell_is_no_formula_for_any_separator(text):
    assert not any(part.lstrip().startswith("=") for part in cell(text).split(";"))
    assert cell(text).isprintable()


def test_numbers_stay_numbers_in_cells():
    assert [cell(-1), cell(-1.5), cell(float("nan")), cell(None), cell(1 / 3, 3)] == [
        -1,
        "-1.5",
        "",
        "",
        "0.333",
    ]
    assert cell("0001_023") == "0001_023"


def test_one_is_singular():
    assert plural(1, "warning") == "1 warning"
    assert plural(0, "slice") == "0 slices"
    assert plural(1200, "study", "studies") == "1,200 studies"
