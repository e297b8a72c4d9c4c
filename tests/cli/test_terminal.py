import io

import pytest

from cipa.cli.terminal import RED, paint, print_error, warn


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")


def test_a_terminal_gets_colour_and_a_file_does_not():
    assert paint("cipa:", RED, Terminal()) == "\x1b[1;31mcipa:\x1b[0m"
    assert paint("cipa:", RED, io.StringIO()) == "cipa:"


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_the_environment_can_forbid_colour(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    assert paint("cipa:", RED, Terminal()) == "cipa:"


def test_warnings_and_errors_are_lines_on_standard_error(capsys):
    warn("the PET ends early")
    print_error("no such file")
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == "cipa: warning: the PET ends early\ncipa: no such file\n"


def test_a_terminal_gets_lines_broken_between_words(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.setenv("NO_COLOR", "1")
    warn("the PET ends before the CT does, so that its last slices are black")
    lines = terminal.getvalue().splitlines()
    assert max(map(len, lines)) <= 30
    assert " ".join(lines).split()[:4] == ["cipa:", "warning:", "the", "PET"]
