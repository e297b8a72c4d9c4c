import os
import subprocess
import sys

import pytest

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
def run(tmp_path):
    (tmp_path / "code.py").write_text(CODE)

    def run():
        done = subprocess.run(
            [sys.executable, tmp_path / "code.py"],
            capture_output=True,
            text=True,
            env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache")},
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout == "4.0\n"
        return done.stderr

    return run


def files(tmp_path, kind):
    return sorted((tmp_path / "cache").rglob(f"*double*.{kind}"))


def test_code_is_kept_for_the_next_process(run, tmp_path):
    assert run() == ""
    (code,) = files(tmp_path, "nbc")
    before = code.stat().st_mtime_ns
    assert run() == ""
    assert code.stat().st_mtime_ns == before


@pytest.mark.parametrize("kind", ["nbi", "nbc"])
@pytest.mark.parametrize(
    "damage", [lambda data: data[: len(data) // 2], lambda data: b"", lambda data: flipped(data)]
)
def test_damaged_code_is_compiled_again_with_one_warning(run, tmp_path, kind, damage):
    run()
    (file,) = files(tmp_path, kind)
    file.write_bytes(damage(file.read_bytes()))
    assert run().count("RuntimeWarning: ") == 1
    assert run() == ""


def flipped(data):
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


def test_a_disk_that_takes_no_code_stops_nothing(run, tmp_path):
    run()
    for file in files(tmp_path, "nb?"):
        file.unlink()
        file.mkdir()  # cannot be replaced by a file, even by root
    assert "compiled code" in run()


def test_the_scan_is_compiled_where_numba_is_told_not_to():
    code = (
        "import torch; from cipa.ops.scan.cpu.functions import exp2; from cipa.ops.scan.cpu import forward;"
        "print(type(forward.scan_forward).__name__)"
    )
    env = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)
    assert done.stdout == "CPUDispatcher\n", done.stderr
