"""Kill commands at random moments (SIGKILL), repeat them, and look at what is left.

    python -m benchmarks.kills --kills 300 --seed 0 --seconds 900 --table kills.md

After each kill no output may be half-written; after the command is repeated nothing unfinished may be left
and the output must be the one of an undisturbed run, to the byte (but for times and fresh UIDs). A training
run is killed again and again until it is done: its weights and tables must be those of a run that was never
stopped, with every row once.

Commands run in children forked from a process that has imported everything, so that a kill strikes work.
"""

import argparse
import csv
import filecmp
import random
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.commands import (
    LOG,
    RECIPE,
    Case,
    differences,
    make_cases,
    make_inputs,
    partials_of,
    run_in_child,
)

RELOADS = 16
"""Of a training run, until it is taken for one that never ends."""


@dataclass
class Outcome:
    """What happened to one command.

    Attributes:
        kills: signals sent.
        struck: of these, how many found the command at work.
        half: outputs found half-written under their final names.
        left: unfinished outputs that were still there after the command was repeated.
        differ: outputs that differ from an undisturbed run's.
    """

    kills: int = 0
    struck: int = 0
    half: int = 0
    left: int = 0
    differ: list[str] = field(default_factory=list)


def attack(case: Case, root: Path, kills: int, random_: random.Random, until: float) -> Outcome:
    """Kill one command again and again, each time with a fresh output, and repeat it to its end."""
    reference = root / "reference" / "out"
    began = time.monotonic()
    if run_in_child(case.words(reference)) != 0:
        raise RuntimeError(f"{case.words(reference)}: failed before any kill: {LOG.read_text()}")
    seconds = time.monotonic() - began
    outcome = Outcome()
    for number in range(kills):
        if time.monotonic() > until:
            break
        folder = root / f"kill{number}"
        out = folder / "out"
        code = run_in_child(case.words(out), random_.uniform(0.05, 1.0) * seconds)
        outcome.kills += 1
        outcome.struck += code == -signal.SIGKILL
        if out.exists() and differences(out, reference, whole=not case.may_be_partial and any(out.iterdir())):
            outcome.half += 1
        run_in_child(case.words(out))  # one that was done already may refuse
        outcome.left += len(partials_of(folder))
        outcome.differ += differences(out, reference, whole=True)
        shutil.rmtree(folder, ignore_errors=True)
    return outcome


def attack_training(data: Path, root: Path, kills: int, random_: random.Random, until: float) -> Outcome:
    """Kill training runs and resume them until they are done."""
    train = ("train", data / "slices", *RECIPE, "--epochs", 3)
    reference = root / "reference"
    began = time.monotonic()
    if run_in_child([*train, "-o", reference]) != 0:
        raise RuntimeError(f"training failed before any kill: {LOG.read_text()}")
    seconds = time.monotonic() - began
    outcome, number = Outcome(), 0
    while outcome.kills < kills and time.monotonic() < until:
        run = root / f"run{number}"
        number += 1
        for _ in range(RELOADS):
            resumed = ["--resume"] if (run / "config.yaml").is_file() else []
            if not resumed:
                shutil.rmtree(run, ignore_errors=True)
            wait = random_.uniform(0.1, 0.8) * seconds if outcome.kills < kills else None
            code = run_in_child([*train, "-o", run, *resumed], wait)
            outcome.kills += wait is not None
            outcome.struck += code == -signal.SIGKILL
            if code == 0:
                break
        outcome.left += len(partials_of(run))
        for name in ("last/model.safetensors", "best/model.safetensors"):
            if not filecmp.cmp(run / name, reference / name, shallow=False):
                outcome.differ.append(f"{run.name}/{name}")
        for name in ("metrics.csv", "validation.csv"):
            if rows_of(run / name) != rows_of(reference / name):
                outcome.differ.append(f"{run.name}/{name}")
    return outcome


def rows_of(path: Path) -> list[tuple[str, ...]]:
    """Return epoch, step and loss of every row of a run's log."""
    with path.open(newline="") as file:
        return [(row["epoch"], row["step"], row["loss"]) for row in csv.DictReader(file)]


def run_kills(
    root: Path, kills: int, seed: int, seconds: float, names: tuple[str, ...] = ()
) -> dict[str, Outcome]:
    """Spread kills over the commands.

    Args:
        root: empty folder to work in.
        kills: in all.
        seed: of the moments.
        seconds: after which no further kill is begun.
        names: of the commands; by default all, and training.

    Returns:
        What happened to each.
    """
    until, random_ = time.monotonic() + seconds, random.Random(seed)
    chosen = names or (*make_cases(root), "train --resume")
    make_inputs(root / "data", small=not any("predict" in name for name in chosen))
    cases, outcomes = make_cases(root / "data"), {}
    for place, name in enumerate(chosen):
        share = (kills - sum(one.kills for one in outcomes.values())) // (len(chosen) - place)
        work = root / "work"
        work.mkdir()
        if name in cases:
            outcomes[name] = attack(cases[name], work, share, random_, until)
        else:
            outcomes[name] = attack_training(root / "data", work, share, random_, until)
        print(name, outcomes[name], file=sys.stderr, flush=True)
        shutil.rmtree(work)
    return outcomes


def table(outcomes: dict[str, Outcome]) -> str:
    """Return the outcomes as a Markdown table."""
    lines = [
        "| command | kills | at work | half-written | unfinished left after the rerun | not as undisturbed |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    total = Outcome()
    for name, one in outcomes.items():
        lines.append(f"| {name} | {one.kills} | {one.struck} | {one.half} | {one.left} | {len(one.differ)} |")
        total = Outcome(
            total.kills + one.kills, total.struck + one.struck, total.half + one.half, total.left + one.left,
            total.differ + one.differ,
        )  # fmt: skip
    lines.append(
        f"| **all** | {total.kills} | {total.struck} | {total.half} | {total.left} | {len(total.differ)} |"
    )
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=900)
    parser.add_argument("--table", type=Path, help="file for the table, in Markdown")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        outcomes = run_kills(Path(root), arguments.kills, arguments.seed, arguments.seconds)
    found = table(outcomes)
    print(found)
    if arguments.table:
        arguments.table.write_text(found + "\n", encoding="utf-8")
    return int(any(one.half or one.left or one.differ for one in outcomes.values()))


if __name__ == "__main__":
    sys.exit(main())
