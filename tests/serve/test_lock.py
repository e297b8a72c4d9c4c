import pytest

from cipa.errors import UsageError
from cipa.serve import lock


def test_a_lock_is_held_until_its_file_is_closed(tmp_path):
    with (tmp_path / "lock").open("w") as first, (tmp_path / "lock").open("a") as second:
        assert lock.lock_file(first)
        assert not lock.lock_file(second)
        first.close()
        assert lock.lock_file(second, wait=True)


def test_a_system_without_such_locks_is_named_in_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(lock, "fcntl", None)
    with (tmp_path / "lock").open("w") as file, pytest.raises(UsageError, match="run it on Linux or macOS"):
        lock.lock_file(file)
