import errno
import subprocess
import sys

import pytest

from cipa.cli.main import VERBS, main
from cipa.version import __version__


def test_help_names_every_verb(capsys):
    assert main(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(verb in shown for verb in VERBS)
    assert "not a medical device" in shown


def test_no_words_is_a_usage_error_that_shows_the_help(capsys):
    assert main([]) == 2
    assert "usage: cipa" in capsys.readouterr().out


def test_the_version_is_the_package_s(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"cipa {__version__}\n"


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help(verb):
    done = subprocess.run([sys.executable, "-m", "cipa", verb, "--help"], capture_output=True, text=True)
    assert done.returncode == 0
    assert f"cipa {verb}" in done.stdout


def test_help_needs_no_torch():
    code = "import sys; from cipa.cli.main import main; main(['--help']); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


def test_an_unknown_verb_is_one_line_and_exit_code_2(capsys):
    assert main(["trian"]) == 2
    complaint = capsys.readouterr().err
    assert complaint.startswith("cipa: unknown verb 'trian'")
    assert complaint.count("\n") == 1


def test_an_unknown_option_is_one_line_and_exit_code_2(capsys):
    assert main(["check", "somewhere", "--fast"]) == 2
    complaint = capsys.readouterr().err
    assert "--fast" in complaint
    assert complaint.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            OSError(errno.ENOSPC, "No space left on device", "run/last"),
            "no space left on the disk of run/last",
        ),
        (PermissionError(errno.EACCES, "Permission denied", "out"), "no permission for out"),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "a.png"), "a.png: No such file"),
    ],
)
def test_the_systems_errors_are_one_line_and_exit_code_1(failing, error, words, capsys):
    failing(error)
    assert main(["check", "x"]) == 1
    complaint = capsys.readouterr().err
    assert words in complaint
    assert complaint.count("\n") == 1


def test_an_interrupt_is_one_line_and_130(failing, capsys):
    failing(KeyboardInterrupt())
    assert main(["check", "x"]) == 130
    assert capsys.readouterr().err.count("\n") == 1


def test_debug_shows_the_traceback_and_the_line(failing, capsys):
    failing(OSError(errno.ENOSPC, "No space left on device", "x"))
    assert main(["check", "x", "--debug"]) == 1
    shown = capsys.readouterr().err
    assert shown.startswith("Traceback")
    assert shown.splitlines()[-1].startswith("cipa: no space left on the disk of x")
