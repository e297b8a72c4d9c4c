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
    OF_STUDIES,
    RECIPE,
    Case,
    differences,
    make_cases,
    make_inputs,
    partials_of,
    run_in_child,
    run_warming,
)

TRAIN = "train --resume"


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


class Attack:
    """Kills of one command, each with a fresh output, after which it is repeated to its end."""

    def __init__(self, case: Case, root: Path) -> None:
        self.case = case
        self.root = root
        self.outcome = Outcome()
        reference = root / "reference" / "out"
        self.seconds = seconds_of(case.words(reference))
        self.reference = case.made(reference)

    def kill(self, random_: random.Random) -> None:
        """Start the command, kill it at a random moment, look, repeat it, look again."""
        folder = self.root / f"kill{self.outcome.kills}"
        out, outcome = folder / "out", self.outcome
        code = run_in_child(self.case.words(out), random_.uniform(0.05, 1.0) * self.seconds)
        outcome.kills += 1
        outcome.struck += code == -signal.SIGKILL
        made = self.case.made(out)
        is_begun = made.exists() and any(made.iterdir())
        if is_begun and differences(made, self.reference, whole=not self.case.may_be_partial):
            outcome.half += 1
        began = time.monotonic()
        if run_in_child(self.case.words(out)) == 0:  # one that was done already may refuse
            self.seconds = time.monotonic() - began  # by the load of now, so that kills strike
        outcome.left += len(partials_of(folder))
        outcome.differ += differences(self.case.made(out), self.reference, whole=True)
        shutil.rmtree(folder, ignore_errors=True)

    def finish(self) -> None:
        """Nothing is left to do."""


class TrainingAttack:
    """Kills of training runs, each resumed until it is done."""

    def __init__(self, data: Path, root: Path) -> None:
        self.train = ["train", data / "slices", *RECIPE, "--epochs", 3]
        self.root = root
        self.outcome = Outcome()
        self.reference = root / "reference"
        self.seconds = seconds_of([*self.train, "-o", self.reference])
        self.runs = 0

    def kill(self, random_: random.Random) -> None:
        """Begin or resume a run and kill it at a random moment; look at it once it is done."""
        code = self._go_on(random_.uniform(0.1, 0.8) * self.seconds)
        self.outcome.kills += 1
        self.outcome.struck += code == -signal.SIGKILL
        if code == 0:
            self._look()

    def finish(self) -> None:
        """Resume the latest run to its end."""
        if self._run.exists():
            if self._go_on(None) != 0:
                self.outcome.differ.append(f"{self._run.name}: {LOG.read_text()}")
                return
            self._look()

    @property
    def _run(self) -> Path:
        return self.root / f"run{self.runs}"

    def _go_on(self, seconds: float | None) -> int:
        resumed = ["--resume"] if (self._run / "config.yaml").is_file() else []
        if not resumed:
            shutil.rmtree(self._run, ignore_errors=True)
        return run_in_child([*self.train, "-o", self._run, *resumed], seconds)

    def _look(self) -> None:
        run, outcome = self._run, self.outcome
        self.runs += 1
        outcome.left += len(partials_of(run))
        for name in ("last/model.safetensors", "best/model.safetensors"):
            if not filecmp.cmp(run / name, self.reference / name, shallow=False):
                outcome.differ.append(f"{run.name}/{name}")
        for name in ("metrics.csv", "validation.csv"):
            if rows_of(run / name) != rows_of(self.reference / name):
                outcome.differ.append(f"{run.name}/{name}")


def seconds_of(words: list[object]) -> float:
    """Run a command undisturbed; return how long it took, its imports included."""
    began = time.monotonic()
    if run_warming(words) != 0:
        raise RuntimeError(f"{words}: failed before any kill: {LOG.read_text()}")
    return time.monotonic() - began


def rows_of(path: Path) -> list[tuple[str, ...]]:
    """Return epoch, step and loss of every row of a run's log."""
    with path.open(newline="") as file:
        return [(row["epoch"], row["step"], row["loss"]) for row in csv.DictReader(file)]


def run_kills(
    root: Path, kills: int, seed: int, seconds: float, names: tuple[str, ...] = ()
) -> dict[str, Outcome]:
    """Kill the commands: by turns the one killed least often, and the one that has taken the least time.

    Args:
        root: empty folder to work in.
        kills: in all.
        seed: of the moments.
        seconds: after which no further kill is begun.
        names: of the commands; by default all, and training.

    Returns:
        What happened to each.
    """
    random_, data = random.Random(seed), root / "data"
    chosen = names or (*make_cases(data), TRAIN)
    make_inputs(data, small=not any(word in name for name in chosen for word in OF_STUDIES))
    cases = make_cases(data)
    attacks: dict[str, Attack | TrainingAttack] = {}
    for name in chosen:
        work = root / f"work{len(attacks)}"
        if name == TRAIN:
            attacks[name] = TrainingAttack(data, work)
        else:
            attacks[name] = Attack(cases[name], work)
    until, spent = time.monotonic() + seconds, dict.fromkeys(chosen, 0.0)
    for number in range(kills):
        began = time.monotonic()
        if began > until:
            break
        counts = {name: attack.outcome.kills for name, attack in attacks.items()}
        name = min(chosen, key=(spent if number % 2 else counts).__getitem__)
        attacks[name].kill(random_)
        spent[name] += time.monotonic() - began
        if number % 20 == 19:
            print(f"{number + 1} kills", file=sys.stderr, flush=True)
    for attack in attacks.values():
        attack.finish()
    return {name: attack.outcome for name, attack in attacks.items()}


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
    parser.add_argument("names", nargs="*", help="commands, as the table names them (all)")
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=900)
    parser.add_argument("--table", type=Path, help="file for the table, in Markdown")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        outcomes = run_kills(
            Path(root), arguments.kills, arguments.seed, arguments.seconds, tuple(arguments.names)
        )
    found = table(outcomes)
    print(found)
    if arguments.table:
        arguments.table.write_text(found + "\n", encoding="utf-8")
    return int(any(one.half or one.left or one.differ for one in outcomes.values()))


if __name__ == "__main__":
    sys.exit(main())
