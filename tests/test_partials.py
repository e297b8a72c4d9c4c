import os
import subprocess
import sys

import pytest

from cipa import partials
from cipa.files import PARTIAL, atomic_file, atomic_folder
from cipa.partials import HOST, name_partial

DEAD = """
import os, signal
from cipa.files import atomic_file, atomic_folder
with atomic_folder({folder!r}) as folder, atomic_file({file!r}) as file:
    (folder / "half").write_text("x")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(autouse=True)
def often(monkeypatch):
    monkeypatch.setattr(partials, "SECONDS_BETWEEN_SWEEPS", 0.0)


def remains(folder):
    return [name for name in os.listdir(folder) if name.startswith(PARTIAL)]


def test_what_a_killed_process_left_is_swept_when_its_output_is_written_again(tmp_path):
    out, mask = tmp_path / "out", tmp_path / "mask.png"
    code = DEAD.format(folder=str(out), file=str(mask))
    assert subprocess.run([sys.executable, "-c", code]).returncode == -9
    assert len(remains(tmp_path)) == 2
    with atomic_folder(out) as partial:
        (partial / "whole").write_text("y")
    assert os.listdir(tmp_path) == ["out"]


def test_what_a_living_process_writes_is_left_alone(tmp_path):
    with atomic_file(tmp_path / "a.txt") as first, atomic_file(tmp_path / "a.txt") as second:
        first.write_text("x")
        second.write_text("y")
    other = tmp_path / f"{PARTIAL}{HOST}-{os.getppid()}-00000000-a.txt"
    other.write_text("x")
    with atomic_file(tmp_path / "a.txt"):
        pass
    assert remains(tmp_path) == [other.name]


def test_another_hosts_unfinished_output_is_left_alone(tmp_path):
    other = tmp_path / f"{PARTIAL}elsewhere-{2**22 + 1}-00000000-a.txt"
    other.write_text("x")
    with atomic_file(tmp_path / "a.txt"):
        pass
    assert other.exists()


def test_a_number_that_another_process_has_got_since_counts_as_dead(tmp_path):
    old = tmp_path / f"{PARTIAL}{HOST}-{os.getppid()}-00000000-a.txt"
    old.write_text("x")
    os.utime(old, (10**9, 10**9))
    earlier = tmp_path / f"{PARTIAL}{HOST}-{os.getpid()}-00000000-b.txt"
    earlier.write_text("x")
    with atomic_file(tmp_path / "a.txt"):
        pass
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_folder_moved_aside_by_a_dead_process_is_moved_back(tmp_path):
    aside = tmp_path / f"{PARTIAL}{HOST}-{2**22 + 1}-00000000-out-old"
    aside.mkdir()
    (aside / "kept").write_text("x")
    with pytest.raises(OSError, match="no"), atomic_folder(tmp_path / "out"):
        raise OSError("no")
    assert os.listdir(tmp_path / "out") == ["kept"]
    assert not remains(tmp_path)


def test_the_unfinished_name_of_a_long_one_is_not_too_long(tmp_path):
    for name in ("n" * 251 + ".png", "ü" * 125 + ".png"):
        assert len(os.fsencode(name_partial(tmp_path / name).name + "-old")) <= 255
        with atomic_file(tmp_path / name) as partial:
            assert partial.suffix == ".png"
    assert not remains(tmp_path)
