import threading
import warnings

import pytest

from cipa.ops.scan.cuda import build, cache
from cipa.ops.scan.cuda.errors import CudaUnavailable


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("CIPA_CACHE", str(tmp_path))
    monkeypatch.setattr(cache, "_warned", set())
    return tmp_path / "kernels"


@pytest.fixture
def compiler(monkeypatch):
    """NVRTC that gives a cubin of its own for every source, and counts."""
    made = []

    def compile_source(source, architecture):
        made.append(architecture)
        return f"{architecture}:{hash(source)}".encode()

    monkeypatch.setattr(build.nvrtc, "compile_source", compile_source)
    monkeypatch.setattr(build.nvrtc, "version", lambda: "13.0")
    return made


CONSTANTS = {"N": 16, "T": 32}


def test_a_cubin_is_compiled_once_and_read_after(compiler, folder):
    first = build.cubin_of("forward", CONSTANTS, "sm_90")
    assert build.cubin_of("forward", CONSTANTS, "sm_90") == first
    assert compiler == ["sm_90"]
    assert len(list(folder.iterdir())) == 1


def test_another_constant_architecture_or_compiler_is_another_file(compiler, folder, monkeypatch):
    build.cubin_of("forward", CONSTANTS, "sm_90")
    build.cubin_of("forward", CONSTANTS | {"T": 16}, "sm_90")
    build.cubin_of("forward", CONSTANTS, "sm_80")
    monkeypatch.setattr(build.nvrtc, "version", lambda: "12.8")
    build.cubin_of("forward", CONSTANTS, "sm_90")
    assert len(compiler) == len(list(folder.iterdir())) == 4


@pytest.mark.parametrize("damage", [b"", b"short", b"x" * 100, None])
def test_a_damaged_file_is_said_once_and_made_again(compiler, folder, damage):
    good = build.cubin_of("forward", CONSTANTS, "sm_90")
    (kept,) = folder.iterdir()
    whole = kept.read_bytes()
    for _ in range(2):
        kept.write_bytes(whole[:-1] if damage is None else damage)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            assert build.cubin_of("forward", CONSTANTS, "sm_90") == good
        assert kept.read_bytes() == whole
    assert not said
    assert len(compiler) == 3


def test_a_damaged_file_is_named(compiler, folder):
    build.cubin_of("forward", CONSTANTS, "sm_90")
    (kept,) = folder.iterdir()
    kept.write_bytes(b"nothing")
    with pytest.warns(RuntimeWarning, match=f"{kept.name} is damaged and made again"):
        build.cubin_of("forward", CONSTANTS, "sm_90")


def test_a_folder_that_cannot_be_written_costs_a_compilation_and_one_warning(compiler, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("CIPA_CACHE", str(tmp_path / "file"))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        first = build.cubin_of("forward", CONSTANTS, "sm_90")
        assert build.cubin_of("forward", CONSTANTS, "sm_90") == first
    (one,) = said
    assert "set CIPA_CACHE to a folder that can be written" in str(one.message)
    assert len(compiler) == 2


def test_two_at_once_leave_one_whole_file(compiler, folder):
    threads = [
        threading.Thread(target=build.cubin_of, args=("forward", CONSTANTS, "sm_90")) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (kept,) = folder.iterdir()
    assert cache.read(kept.name) == build.cubin_of("forward", CONSTANTS, "sm_90")


def test_what_cannot_be_compiled_is_not_kept(folder, monkeypatch):
    def refuse(_source, _architecture):
        raise CudaUnavailable("no")

    monkeypatch.setattr(build.nvrtc, "compile_source", refuse)
    monkeypatch.setattr(build.nvrtc, "version", lambda: "13.0")
    with pytest.raises(CudaUnavailable):
        build.cubin_of("forward", CONSTANTS, "sm_90")
    assert not folder.exists()


def test_the_users_cache_folder_is_the_systems(monkeypatch, tmp_path):
    monkeypatch.delenv("CIPA_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert cache.cache_folder() == tmp_path / "cache" / "cipa" / "kernels"
