"""What a command shows for each class of failure; processes where that takes one."""

import errno
import json
import os
import signal
import subprocess
import sys
import time

import pytest

from cipa import privacy
from cipa.cli import main as command
from cipa.cli.main import main
from cipa.errors import DataError

SHELL = {"shell": True, "capture_output": True, "text": True, "timeout": 120}
CIPA = f"{sys.executable} -m cipa"


@pytest.fixture
def complain(failing, capsys):
    """Return what a command prints for an error, and its exit code."""

    def complain(error, *words):
        failing(error)
        code = main(["check", "x", *words])
        return code, capsys.readouterr().err

    return complain


def caused(error, cause):
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("can't start new thread"),
        RuntimeError("std::bad_alloc"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        OSError("Could not find/load shared object file 'libllvmlite.so'"),
        ImportError("libtorch.so: cannot open: Cannot allocate memory"),
        ImportError("libtorch_cpu.so: failed to map segment from shared object"),
        caused(RuntimeError("reading failed"), MemoryError()),
    ],
)
def test_memory_that_runs_out_is_one_line(complain, error):
    code, line = complain(error)
    assert code == 1
    assert line.startswith("cipa: memory ran out")
    assert line.count("\n") == 1


@pytest.mark.parametrize(
    "error",
    [
        ZeroDivisionError("x"),
        RecursionError(),
        KeyError("k"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
    ],
)
def test_any_other_exception_is_one_line_that_names_its_class(complain, error):
    code, line = complain(error)
    assert code == 1
    assert line.startswith(f"cipa: {type(error).__name__} in ")
    assert line.endswith("--debug shows the traceback\n")
    assert line.count("\n") == 1


def test_the_file_at_hand_is_named_for_a_library_s_exception(monkeypatch, tmp_path, capsys):
    from cipa import files

    (tmp_path / "odd.bin").write_bytes(b"x")

    def parse(path):
        raise KeyError("inside a library")

    monkeypatch.setattr(files, "require_vacant", parse)
    monkeypatch.setattr(command, "_run_verb", lambda verb, words: files.refuse_odd(tmp_path / "odd.bin"))
    code = "def refuse_odd(path):\n    require_vacant(path)\n"
    exec(compile(code, files.__file__, "exec"), files.__dict__)
    try:
        assert main(["check"]) == 1
    finally:
        del files.refuse_odd
    assert capsys.readouterr().err.startswith(f"cipa: {tmp_path / 'odd.bin'}: KeyError in files.py, line 2:")


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "no space left on the disk of out/mask.png: free some"),
        (errno.EDQUOT, "your share of the disk of out/mask.png is full"),
        (errno.EFBIG, "out/mask.png: larger than a file may be"),
        (errno.EACCES, "no permission for out/mask.png"),
        (errno.EROFS, "out/mask.png: Read-only file system"),
    ],
)
def test_what_the_system_refuses_is_named(complain, number, words):
    _, line = complain(OSError(number, os.strerror(number), "out/mask.png"))
    assert line.startswith(f"cipa: {words}")


def test_a_line_holds_nothing_that_acts_on_the_terminal(complain):
    _, line = complain(DataError("a\nb\x1b[31m.dcm: \u202enot DICOM"))
    assert line == "cipa: a\\nb\\x1b[31m.dcm: \\u202enot DICOM\n"


def test_no_traceback_holds_a_registered_identity(complain):
    privacy.remember("test", lambda line: line.replace("Zorblax", "***"))
    try:
        _, shown = complain(ValueError("Zorblax"), "--debug")
    finally:
        privacy.forget()
    assert "Zorblax" not in shown
    assert "ValueError: ***" in shown


def test_a_patient_may_be_called_like_a_word_of_a_line(complain):
    privacy.remember("test", lambda line: line.replace("name", "***"))
    try:
        _, line = complain(DataError("x: a file stands there; name another folder"))
    finally:
        privacy.forget()
    assert line == "cipa: x: a file stands there; name another folder\n"


@pytest.mark.parametrize("words", ["--help", "check --help", "models", "models --json"])
def test_a_reader_that_has_seen_enough_is_no_error(words):
    done = subprocess.run(f"{CIPA} {words} | true; exit ${{PIPESTATUS[0]}}", executable="/bin/bash", **SHELL)
    assert done.returncode in (0, 141)  # 0 where the pipe took all before its reader had gone
    assert done.stderr == ""


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="Linux's full device")  # noqa: PTH110
@pytest.mark.parametrize("words", ["--help", "check --help", "models", "models --json"])
def test_an_output_that_takes_nothing_is_named(words):
    done = subprocess.run(f"{CIPA} {words} > /dev/full", **SHELL)
    assert done.returncode == 1
    assert done.stderr == (
        "cipa: no space left on the disk of standard output: free some, then run the same command again\n"
    )


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-", "2>/dev/full"])
def test_a_closed_stream_is_as_good_as_the_null_device(closed, tmp_path):
    done = subprocess.run(
        f"{CIPA} phantom -o {tmp_path / 'out'} --patients 1 --image-size 128 {closed}", **SHELL
    )
    assert done.returncode == 0
    assert (tmp_path / "out/train.txt").is_file()
    assert done.stderr == ""


@pytest.mark.parametrize("columns", ["0", "-3", "x", "1", ""])
def test_a_useless_width_is_not_taken(columns):
    done = subprocess.run(f"{CIPA} models", env={**os.environ, "COLUMNS": columns}, **SHELL)
    assert done.returncode == 0
    assert "cipa" in done.stdout.lower()
    assert max(map(len, done.stdout.splitlines())) > 40


def heed_signals():
    """Undo what nohup and a shell's background leave ignored in the processes that tests start."""
    for number in (signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("SIGTERM", 143),
        pytest.param("SIGHUP", 129, marks=pytest.mark.slow),
        pytest.param("SIGINT", 130, marks=pytest.mark.slow),
    ],
)
def test_a_signal_leaves_nothing_half_written(tmp_path, name, code):
    words = ["phantom", "-o", tmp_path / "out", "--patients", "50", "--image-size", "256", "--workers", "2"]
    process = subprocess.Popen(
        [sys.executable, "-m", "cipa", *map(str, words)], stderr=subprocess.PIPE, text=True,
        preexec_fn=heed_signals,
    )  # fmt: skip
    until = time.monotonic() + 120
    while not list(tmp_path.glob(".partial-*/*")) and time.monotonic() < until:
        time.sleep(0.02)
    process.send_signal(getattr(signal, name))
    _, shown = process.communicate(timeout=120)
    assert process.returncode == code
    assert list(tmp_path.iterdir()) == []
    assert shown.count("\n") == 1
    assert "nothing half-written is left" in shown


def test_what_nohup_ignores_stays_ignored():
    code = (
        "import os, signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "from cipa.signals import exit_on_termination\n"
        "with exit_on_termination(): os.kill(os.getpid(), signal.SIGHUP); print('on')"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "on\n"


@pytest.mark.parametrize(
    "variables",
    [
        {"WORLD_SIZE": "4"},
        {"RANK": "0", "WORLD_SIZE": "4", "LOCAL_RANK": "0"},
        {"RANK": "1", "WORLD_SIZE": "4", "MASTER_ADDR": "localhost"},
        {"RANK": "7", "WORLD_SIZE": "4", "MASTER_ADDR": "localhost", "MASTER_PORT": "29500"},
        {"WORLD_SIZE": "four"},
    ],
)
def test_variables_left_over_from_a_launcher_are_forgotten_with_a_warning(monkeypatch, capsys, variables):
    from cipa.cli.ranks import LAUNCHER, LAUNCHER_DETAILS, ignore_stale_launcher

    for name in (*LAUNCHER, *LAUNCHER_DETAILS):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    ignore_stale_launcher()
    assert not any(name in os.environ for name in variables)
    assert capsys.readouterr().err.count("works alone") == 1


def test_variables_of_a_launcher_that_is_there_are_kept(monkeypatch):
    from cipa.cli.ranks import ignore_stale_launcher

    there = {"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "localhost", "MASTER_PORT": "29500"}
    for name, value in there.items():
        monkeypatch.setenv(name, value)
    ignore_stale_launcher()
    assert {name: os.environ.get(name) for name in there} == there


def test_json_is_the_same_through_the_safe_stream():
    done = subprocess.run(f"{CIPA} models --json", **SHELL)
    assert json.loads(done.stdout)


@pytest.mark.parametrize("version", ["GLIBC_2.28", "GLIBCXX_3.4.29", "CXXABI_1.3.13"])
def test_a_system_older_than_the_libraries_is_called_that(version, complain):
    linker = f"/lib64/libm.so.6: version `{version}' not found (required by /env/torch/lib/libtorch_cpu.so)"
    code, line = complain(ImportError(linker))
    assert code == 1
    assert f"this system's C library is too old: {version} is not in it" in line
