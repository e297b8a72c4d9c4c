import os
import stat

import pytest

from cipa.errors import UsageError
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
