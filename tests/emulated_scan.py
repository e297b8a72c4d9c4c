"""A stand-in for the driver's kernels that runs them on the CPU, compiled by the host's C++ compiler."""

import ctypes
import hashlib
import shutil
import subprocess
from pathlib import Path

from cipa.ops.scan.cuda import backward, build, forward

HERE = Path(__file__).parent / "ops" / "scan" / "cuda"
COMPILER = shutil.which("g++") or shutil.which("clang++")


def emulation_of(kernel, constants):
    """Return the C++ of a kernel with `emulator.h` in place of the PTX of `intrinsics.cu`."""
    source = build.source_of(kernel, constants)
    source = source.replace(build._text("intrinsics"), (HERE / "emulator.h").read_text())
    assert "asm" not in source.replace("assembly", "")
    return f"{source}\nEMULATE(scan_{kernel})\n"


class EmulatedKernel:
    def __init__(self, source, folder, threads, eager):
        path = Path(folder) / hashlib.sha256(source.encode()).hexdigest()[:24]
        library = path.with_suffix(".so")
        if not library.exists():
            path.with_suffix(".cpp").write_text(source)
            command = [COMPILER, "-std=c++20", "-O0", "-w", "-fPIC", "-shared", "-ffp-contract=off", "-o"]
            subprocess.run([*command, str(library), str(path.with_suffix(".cpp"))], check=True)
        self._run = ctypes.CDLL(str(library)).run
        self._threads, self._eager = threads, eager

    def blocks_per_unit(self):
        return 2

    def launch(self, blocks, _stream, arguments):
        self._run(blocks, self._threads, arguments, 1, self._eager)


def emulate(monkeypatch, folder, eager=False):
    """Make `kernel_on` give emulated kernels, wherever it is used."""

    def kernel_on(_device, kernel, constants, threads, _shared_bytes):
        return EmulatedKernel(emulation_of(kernel, constants), folder, threads, eager)

    for module in (forward, backward):
        monkeypatch.setattr(module, "kernel_on", kernel_on)
