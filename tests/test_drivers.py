"""The short forms of the drivers that kill commands and fill disks, in a process of their own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "fork"), reason="the drivers fork"),
]


def run(driver, *words):
    return subprocess.run(
        [sys.executable, "-m", f"benchmarks.{driver}", *words],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[1],
    )


def test_killed_commands_leave_nothing_that_their_repetition_does_not_clear():
    done = run("kills", "convert --back", "evaluate", "compare", "--kills", "6", "--seconds", "300")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "| **all** | 6 |" in done.stdout


def test_a_full_disk_is_named_and_leaves_nothing():
    done = run("full_disk", "convert --back", "evaluate", "compare", "--places", "6")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "| **all** | 6 | 6 | 6 | 0 | 0 |" in done.stdout
