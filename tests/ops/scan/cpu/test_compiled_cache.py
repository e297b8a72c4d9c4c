import os
import subprocess
import sys
import warnings
from importlib.util import module_from_spec, spec_from_file_location

import numba
import pytest

from cipa.ops.scan.cpu import compiled

CODE = """
import math
from cipa.ops.scan.cpu.compiled import compiled

@compiled
def double(x):
    return 2.0 * math.sqrt(x)

print(double(4.0))
"""
"""A function of a file, as Numba keeps none of what has no source."""


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Compile, or load, and call the function in a new dispatcher, as a process does; return the warnings."""
    (tmp_path / "code.py").write_text(CODE)
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "cache"))

    def run():
        monkeypatch.setattr(compiled, "_has_warned", False)
        spec = spec_from_file_location("code_of_a_test", tmp_path / "code.py")
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            spec.loader.exec_module(module_from_spec(spec))
        assert capsys.readouterr().out == "4.0\n"
        return [str(one.message) for one in caught]

    return run


def files(tmp_path, kind):
    return sorted((tmp_path / "cache").rglob(f"*double*.{kind}"))


def test_code_is_kept_for_the_next_process(tmp_path):
    (tmp_path / "code.py").write_text(CODE)
    env, times = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache")}, []
    for _ in range(2):
        done = subprocess.run([sys.executable, tmp_path / "code.py"], capture_output=True, text=True, env=env)
        assert (done.stdout, done.stderr) == ("4.0\n", "")
        (code,) = files(tmp_path, "nbc")
        times.append(code.stat().st_mtime_ns)
    assert times[0] == times[1]


@pytest.mark.parametrize("kind", ["nbi", "nbc"])
@pytest.mark.parametrize(
    "damage", [lambda data: data[: len(data) // 2], lambda data: b"", lambda data: flipped(data)]
)
def test_damaged_code_is_compiled_again_with_one_warning(run, tmp_path, kind, damage):
    run()
    (file,) = files(tmp_path, kind)
    file.write_bytes(damage(file.read_bytes()))
    (line,) = run()
    assert "compiled code is damaged; it is compiled again" in line
    assert run() == []


def flipped(data):
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


def test_a_disk_that_takes_no_code_stops_nothing(run, tmp_path):
    run()
    for file in files(tmp_path, "nb?"):
        file.unlink()
        file.mkdir()  # cannot be replaced by a file, even by root
    assert "compiled code cannot be kept there" in " ".join(run())


def test_the_scan_is_compiled_where_numba_is_told_not_to():
    code = (
        "import torch; from cipa.ops.scan.cpu.functions import exp2; from cipa.ops.scan.cpu import forward;"
        "print(type(forward.scan_forward).__name__)"
    )
    env = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)
    assert done.stdout == "CPUDispatcher\n", done.stderr
