import errno
import os
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest

from cipa.errors import DataError, UsageError
from cipa.files import PARTIAL, atomic_file, atomic_folder, require_vacant


def test_a_file_appears_when_its_block_ends(tmp_path):
    with atomic_file(tmp_path / "deep" / "mask.png") as partial:
        partial.write_bytes(b"whole")
        assert partial.suffix == ".png"
        assert not (tmp_path / "deep" / "mask.png").exists()
    assert (tmp_path / "deep" / "mask.png").read_bytes() == b"whole"
    assert os.listdir(tmp_path / "deep") == ["mask.png"]


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("old")
    with pytest.raises(OSError, match="disk full"), atomic_file(path) as partial:
        partial.write_text("half")
        raise OSError("disk full")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["table.csv"]


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_outputs_follow_the_umask(tmp_path):
    before = os.umask(0o027)
    try:
        with atomic_file(tmp_path / "file") as partial:
            partial.write_text("x")
        with atomic_folder(tmp_path / "folder") as partial:
            (partial / "inside").write_text("x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640
    assert stat.S_IMODE((tmp_path / "folder").stat().st_mode) == 0o750


def test_a_folder_replaces_the_one_before_it_whole(tmp_path):
    old = tmp_path / "out"
    old.mkdir()
    (old / "stale").write_text("x")
    with atomic_folder(old) as partial:
        (partial / "fresh").write_text("y")
        assert (old / "stale").exists()
    assert os.listdir(old) == ["fresh"]
    assert os.listdir(tmp_path) == ["out"]


def test_a_failed_folder_leaves_the_old_one(tmp_path):
    old = tmp_path / "out"
    old.mkdir()
    (old / "kept").write_text("x")
    with pytest.raises(KeyboardInterrupt), atomic_folder(old) as partial:
        (partial / "half").write_text("y")
        raise KeyboardInterrupt
    assert os.listdir(old) == ["kept"]
    assert not [name for name in os.listdir(tmp_path) if name.startswith(PARTIAL)]


def test_a_folder_that_cannot_be_moved_in_gives_the_old_one_back(tmp_path, monkeypatch):
    old = tmp_path / "out"
    old.mkdir()
    (old / "kept").write_text("x")
    rename = type(old).replace

    def fail_for_the_new_one(self, target):
        if target == old and not self.name.endswith("-old"):
            raise OSError("no such luck")
        return rename(self, target)

    monkeypatch.setattr(type(old), "replace", fail_for_the_new_one)
    with pytest.raises(OSError, match="no such luck"), atomic_folder(old) as partial:
        (partial / "new").write_text("y")
    assert os.listdir(old) == ["kept"]


def test_only_what_is_not_there_or_empty_is_vacant(tmp_path):
    (tmp_path / "empty").mkdir()
    require_vacant(tmp_path / "empty")
    require_vacant(tmp_path / "absent")
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "file", tmp_path):
        with pytest.raises(UsageError, match="not an empty folder"):
            require_vacant(path)


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_threads_that_write_together_leave_the_umask_alone(tmp_path):
    before = os.umask(0o027)
    try:
        with ThreadPoolExecutor(4) as pool:
            for number in range(200):
                pool.submit(write, tmp_path / str(number))
    finally:
        left = os.umask(before)
    assert left == 0o027
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o640}


def write(path):
    with atomic_file(path) as partial:
        partial.write_text("x")


def test_a_folder_that_is_a_link_is_followed(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "disk")
    with atomic_folder(tmp_path / "out") as partial:
        (partial / "mask").write_text("x")
    assert (tmp_path / "out").is_symlink()
    assert os.listdir(tmp_path / "disk") == ["mask"]
    assert sorted(os.listdir(tmp_path)) == ["disk", "out"]


def test_a_file_that_is_a_link_is_followed(tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "mask").symlink_to(tmp_path / "disk" / "real")
    write(tmp_path / "mask")
    assert (tmp_path / "mask").is_symlink()
    assert os.listdir(tmp_path / "disk") == ["real"]


def test_a_device_is_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="pipe: is a device or a pipe"), atomic_file(tmp_path / "pipe"):
        pass
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),  # of write()
        OSError("with tag (7FE0,0010): [Errno 28] No space left on device"),  # of a library
        RuntimeError("Error: I/O error: No space left on device (os error 28)"),
        OSError(errno.EFBIG, "File too large"),
    ],
)
def test_a_full_disk_names_the_file_and_the_folder_that_it_is_for(tmp_path, error):
    out = tmp_path / "out"
    with pytest.raises(OSError) as caught, atomic_folder(out) as folder, atomic_file(folder / "mask.png"):
        raise error
    assert caught.value.filename == str(out / "mask.png")
    assert caught.value.errno in (errno.ENOSPC, errno.EFBIG)
    assert not list(tmp_path.iterdir())


def test_an_error_names_what_could_not_be_read_rather_than_what_is_written(tmp_path):
    with pytest.raises(OSError) as caught, atomic_file(tmp_path / "mask.png"):
        (tmp_path / "absent").read_text()
    assert caught.value.filename == str(tmp_path / "absent")


def test_no_error_names_the_unfinished_file(tmp_path):
    with pytest.raises(DataError) as caught, atomic_folder(tmp_path / "out") as folder:
        raise DataError(f"{folder / 'mask.png'}: cannot be written")
    assert str(caught.value) == f"{tmp_path / 'out' / 'mask.png'}: cannot be written"


def test_processes_that_write_one_folder_leave_one_whole(tmp_path):
    def fill(number):
        for _ in range(20):
            with atomic_folder(tmp_path / "out") as partial:
                (partial / "a").write_text(str(number))
                (partial / "b").write_text(str(number))

    with ThreadPoolExecutor(3) as pool:
        for done in [pool.submit(fill, number) for number in range(3)]:
            done.result()
    assert os.listdir(tmp_path) == ["out"]
    assert (tmp_path / "out/a").read_text() == (tmp_path / "out/b").read_text()
