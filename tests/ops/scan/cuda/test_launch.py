"""Where the CUDA kernels cannot run: Triton's scan with one warning, or one line where they are forced."""

import ctypes
import subprocess
import sys
import textwrap
import warnings

import pytest
import torch

from cipa.errors import UsageError
from cipa.ops import use_backend
from cipa.ops.scan.cuda import available, build, launch, nvrtc
from cipa.ops.scan.cuda.errors import CudaUnavailable

REASONS = {
    "no NVRTC": "NVRTC is not found (PyTorch's CUDA builds bring it: libnvrtc.so.12 or .13)",
    "unknown architecture": "NVRTC 12.8 makes no code for sm_103",
    "driver too old": "NVIDIA driver, loading scan_forward: no kernel image is available (209)",
    "out of memory": "NVIDIA driver, loading scan_forward: out of memory (2)",
}
GPU = torch.device("cuda", 0)
REMEMBERED = (available.obstacle_on, nvrtc.library, nvrtc.version)


@pytest.fixture(autouse=True)
def fresh(monkeypatch, tmp_path):
    """No failure remembered, no choice and no cache from the environment."""
    monkeypatch.delenv("CIPA_BACKEND", raising=False)
    monkeypatch.setenv("CIPA_CACHE", str(tmp_path))
    monkeypatch.setattr(launch, "_failed", {})
    monkeypatch.setattr(build, "_kernels", {})
    for remembered in REMEMBERED:
        remembered.cache_clear()
    yield
    for remembered in REMEMBERED:
        remembered.cache_clear()


@pytest.fixture
def hopper(monkeypatch, fake_driver):
    """A GPU that only `fake_driver.cpp` drives; NVRTC makes the same bytes of every source."""
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _device=None: (9, 0))
    monkeypatch.setattr(nvrtc, "compile_source", lambda _source, _architecture: b"cubin")
    monkeypatch.setattr(nvrtc, "version", lambda: "13.0")
    return fake_driver


def refuse(reason):
    def cuda():
        raise CudaUnavailable(reason)

    return cuda


@pytest.mark.parametrize("reason", REASONS.values(), ids=REASONS.keys())
def test_what_cannot_run_is_said_once_and_tritons_scan_runs(reason):
    tried = []

    def cuda():
        tried.append(reason)
        raise CudaUnavailable(reason)

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        results = [launch._first_of(GPU, cuda, lambda: "by Triton") for _ in range(3)]
    assert results == ["by Triton"] * 3
    (one,) = said
    assert str(one.message) == f"{reason}: Triton's scan runs, right but slower"
    assert "\n" not in str(one.message)
    assert len(tried) == 1


def test_another_gpu_is_still_tried():
    with pytest.warns(RuntimeWarning):
        launch._first_of(GPU, refuse("no"), lambda: "by Triton")
    assert launch._first_of(torch.device("cuda", 1), lambda: "by CUDA", lambda: "by Triton") == "by CUDA"


@pytest.mark.parametrize("reason", REASONS.values(), ids=REASONS.keys())
def test_a_forced_backend_that_cannot_run_is_one_line(reason):
    with use_backend("cuda"), pytest.raises(UsageError) as error:
        launch._first_of(GPU, refuse(reason), lambda: pytest.fail("Triton's scan ran"))
    assert str(error.value) == f"CIPA_BACKEND=cuda: {reason}; unset it"


def test_an_error_of_the_launch_itself_is_not_taken_for_a_missing_kernel():
    def cuda():
        raise RuntimeError("CUDA scan: the launch of 7 blocks failed: invalid argument (1)")

    with pytest.raises(RuntimeError, match="launch of 7 blocks"):
        launch._first_of(GPU, cuda, lambda: pytest.fail("Triton's scan ran"))


def test_without_nvrtc_the_kernels_are_not_chosen(monkeypatch, fake_driver):
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _device=None: (9, 0))
    monkeypatch.setattr(nvrtc, "_candidates", list)

    def missing(name, *_):
        if "nvrtc" in name:
            raise OSError(name)
        return fake_driver

    monkeypatch.setattr(nvrtc.ctypes, "CDLL", missing)
    assert "NVRTC is not found" in available.obstacle_on(GPU)


@pytest.mark.parametrize(("code", "words"), [(209, "no kernel image is available"), (2, "invalid argument")])
def test_a_cubin_that_the_driver_refuses_is_not_remembered_as_loaded(hopper, code, words):
    ctypes.c_int.in_dll(hopper, "load_fails").value = code
    with pytest.raises(CudaUnavailable, match=words):
        build.kernel_on(GPU, "forward", {"N": 16}, 160, 1000)
    ctypes.c_int.in_dll(hopper, "load_fails").value = 0
    kernel = build.kernel_on(GPU, "forward", {"N": 16}, 160, 1000)
    assert build.kernel_on(GPU, "forward", {"N": 16}, 160, 1000) is kernel


@pytest.mark.slow
def test_two_processes_that_compile_at_once_get_the_same_whole_cubin(tmp_path):
    """Each writes a file of its own and renames it: a third one reads either, never half of one."""
    program = textwrap.dedent(
        """
        import sys
        from cipa.ops.scan.cuda import build, cache, nvrtc
        nvrtc.version = lambda: "13.0"
        nvrtc.compile_source = lambda source, _: source.encode() * 50
        for turn in range(40):
            constants = {"N": turn % 4}
            cubin = build.cubin_of("forward", constants, "sm_90")
            assert cubin == build.source_of("forward", constants).encode() * 50
            if sys.argv[1] == "0" and turn % 4 == 3:
                for file in cache.cache_folder().glob("[!.]*.cubin"):
                    file.unlink(missing_ok=True)
        """
    )
    running = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", program, str(number)], stderr=subprocess.PIPE, text=True
        )
        for number in range(2)
    ]
    for process in running:
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said
    assert not [file for file in (tmp_path / "kernels").iterdir() if file.suffix != ".cubin"]


@pytest.mark.parametrize(("mode", "capability"), [("ROCm", (9, 0)), ("old", (7, 5))])
def test_other_gpus_are_named(monkeypatch, mode, capability):
    monkeypatch.setattr(torch.version, "hip", "6.2" if mode == "ROCm" else None)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda _device=None: capability)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda _device=None: "Some GPU")
    expected = "PyTorch is built for ROCm" if mode == "ROCm" else "Some GPU has compute capability 7.5"
    assert expected in available.obstacle_on(GPU)
