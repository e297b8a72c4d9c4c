"""Run commands on disks that are too small for their output, and look at what they say and leave.

    python -m benchmarks.full_disk --places 50 --table full_disk.md

A disk is a tmpfs of a share of the room that the undisturbed output takes; that takes root. Without it the
size of a single file is limited instead (RLIMIT_FSIZE), another error of the system for the same lines. Each
refusal must be one line that names the output, and nothing half-written or unfinished may be left.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.commands import (
    LOG,
    OF_STUDIES,
    SAVE,
    Case,
    differences,
    make_cases,
    make_inputs,
    partials_of,
    run_in_child,
)

SHARES = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Of the room that the output takes."""

PAGE = 4096


@dataclass
class Outcome:
    """What happened to one command.

    Attributes:
        places: disks tried.
        refused: of these, how many were too small.
        named: refusals that are one line with the output's name.
        half: outputs found half-written under their final names.
        left: unfinished outputs left.
    """

    places: int = 0
    refused: int = 0
    named: int = 0
    half: int = 0
    left: int = 0


def can_mount() -> bool:
    """Tell whether this process may make disks."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return False
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], capture_output=True
        )
        if done.returncode == 0:
            subprocess.run(["umount", folder], check=True)
        return done.returncode == 0


@contextmanager
def small_disk(folder: Path, size: int, mount: bool) -> Iterator[int | None]:
    """Mount a disk of some bytes at a folder, or give the limit of a file's size that stands for one."""
    folder.mkdir(parents=True)
    if not mount:
        yield size
        return
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=True)
    try:
        yield None
    finally:
        subprocess.run(["umount", folder], check=True)


def room_of(out: Path) -> tuple[int, int]:
    """Return the bytes that an output takes in whole pages, folders included, and its largest file's."""
    sizes = [path.stat().st_size for path in out.rglob("*") if path.is_file()]
    folders = sum(path.is_dir() for path in out.rglob("*"))
    return sum(-(-size // PAGE) * PAGE for size in sizes) + folders * PAGE, max(sizes)


def fill(name: str, case: Case, root: Path, shares: tuple[float, ...], mount: bool) -> Outcome:
    """Run one command on disks that have a share of the room it needs."""
    reference = root / "reference" / "out"
    if run_in_child(case.words(reference)) != 0:
        raise RuntimeError(f"{name}: failed on a large disk: {LOG.read_text()}")
    room, largest = room_of(reference)
    outcome = Outcome()
    for number, share in enumerate(shares):
        disk = root / f"disk{number}"
        size = max(PAGE, int(share * room) // PAGE * PAGE) if mount else max(1, int(share * largest))
        with small_disk(disk, size, mount) as limit:
            out = disk / "out"
            code = run_in_child(case.words(out), file_size=limit)
            outcome.places += 1
            if code != 0:
                said = LOG.read_text()
                complaints = [line for line in said.splitlines() if line.startswith("cipa: ")]
                is_named = any(str(out) in line for line in complaints) and "Traceback" not in said
                outcome.refused += 1
                outcome.named += is_named
                if not is_named:
                    print(f"{name}, {share:.0%}: {said}", file=sys.stderr)
            is_begun = out.exists() and any(out.iterdir())
            if is_begun and differences(out, reference, whole=not case.may_be_partial):
                outcome.half += 1
            outcome.left += len(partials_of(disk))
        shutil.rmtree(disk, ignore_errors=True)
    return outcome


def run_full_disks(root: Path, places: int, names: tuple[str, ...] = ()) -> dict[str, Outcome]:
    """Spread small disks over the commands.

    Args:
        root: empty folder to work in.
        places: disks in all.
        names: of the commands; by default all.

    Returns:
        What happened to each.
    """
    chosen = names or tuple(name for name in make_cases(root) if name != SAVE)  # its page refuses
    make_inputs(root / "data", small=not any(word in name for name in chosen for word in OF_STUDIES))
    cases, mount, outcomes = make_cases(root / "data"), can_mount(), {}
    for place, name in enumerate(chosen):
        tried = sum(one.places for one in outcomes.values())
        share = -(-(places - tried) // (len(chosen) - place))
        work = root / "work"
        outcomes[name] = fill(name, cases[name], work, SHARES[:share], mount)
        print(name, outcomes[name], file=sys.stderr, flush=True)
        shutil.rmtree(work)
    return outcomes


def table(outcomes: dict[str, Outcome]) -> str:
    """Return the outcomes as a Markdown table."""
    lines = [
        "| command | disks | too small | named in one line | half-written | unfinished left |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    rows = [(name, one.places, one.refused, one.named, one.half, one.left) for name, one in outcomes.items()]
    rows.append(("**all**", *(sum(column) for column in list(zip(*rows, strict=True))[1:])))
    return "\n".join([*lines, *(f"| {' | '.join(map(str, row))} |" for row in rows)])


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", help="commands, as the table names them (all)")
    parser.add_argument("--places", type=int, default=50)
    parser.add_argument("--table", type=Path, help="file for the table, in Markdown")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        outcomes = run_full_disks(Path(root), arguments.places, tuple(arguments.names))
    found = table(outcomes)
    print(found)
    if arguments.table:
        arguments.table.write_text(found + "\n", encoding="utf-8")
    return int(any(one.named < one.refused or one.half or one.left for one in outcomes.values()))


if __name__ == "__main__":
    sys.exit(main())
