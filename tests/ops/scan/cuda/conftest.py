"""The scan's CUDA kernels without a GPU: emulated, compiled, or started on a driver that only keeps notes."""

import ctypes
import subprocess
from pathlib import Path

import pytest

from cipa.ops.scan.cuda import driver
from emulated_scan import COMPILER


@pytest.fixture(scope="session")
def fake_library(tmp_path_factory):
    if COMPILER is None:
        pytest.skip("no C++ compiler")
    library = tmp_path_factory.mktemp("driver") / "libfake.so"
    source = Path(__file__).with_name("fake_driver.cpp")
    subprocess.run([COMPILER, "-shared", "-fPIC", "-w", "-o", str(library), str(source)], check=True)
    return ctypes.CDLL(str(library))


@pytest.fixture
def fake_driver(fake_library, monkeypatch):
    """`fake_driver.cpp` in place of libcuda, its notes empty."""
    for name in ("load_fails", "launch_fails", "depth", "capture_mode", "relaxed_at_load"):
        ctypes.c_int.in_dll(fake_library, name).value = 0
    monkeypatch.setattr(driver.ctypes, "CDLL", lambda _name, *_: fake_library)
    monkeypatch.setattr(driver, "_contexts", {})
    driver.library.cache_clear()
    yield fake_library
    driver.library.cache_clear()
