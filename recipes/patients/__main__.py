"""Train on patients and phantoms together, and cross-validate.

    python -m recipes.patients prepare VOLUMES -o WORK/sts          patients' volumes to bytes
    python -m recipes.patients phantoms -o WORK/phantoms --patients 300 --seed 31 --workers 30
    python -m recipes.patients queue QUEUE.json --work WORK -o OUT --seconds 500 --gpus 2 --slots 3
    python -m recipes.patients table OUT                            scores of what is done

WORK/phantoms are learnt from, WORK/phantoms-held are scored.
"""

import argparse
import json
from pathlib import Path


def main() -> None:
    """Read the command line and do what it says."""
    parser = argparse.ArgumentParser(
        prog="recipes.patients", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb, given in (
        ("prepare", "volumes"),
        ("phantoms", None),
        ("queue", "queue"),
        ("job", "job"),
        ("table", "out"),
    ):
        one = verbs.add_parser(verb)
        if given:
            one.add_argument(given, type=str if verb == "job" else Path)
        if verb != "table":
            one.add_argument("-o", "--out", type=Path, required=True)
        if verb in ("queue", "job"):
            one.add_argument("--work", type=Path, required=True)
        if verb == "phantoms":
            for name in ("patients", "seed", "workers"):
                one.add_argument(f"--{name}", type=int, required=True)
        if verb == "queue":
            one.add_argument("--seconds", type=float, required=True)
            one.add_argument("--gpus", type=int, default=1)
            one.add_argument("--slots", type=int, default=2)
    _do(parser.parse_args())


def _do(given: argparse.Namespace) -> None:
    if given.verb == "prepare":
        from recipes.patients.prepare import prepare_patients

        prepare_patients(given.volumes, given.out)
    elif given.verb == "phantoms":
        from recipes.patients.prepare import draw_phantoms

        draw_phantoms(given.out, given.patients, given.seed, given.workers)
    elif given.verb == "queue":
        from recipes.patients.jobs import run_queue

        queue = json.loads(given.queue.read_text())
        left = run_queue(queue, given.work, given.out, given.seconds, given.gpus, given.slots)
        print("not run:", *left)
    elif given.verb == "job":
        from recipes.patients.job import run_job

        run_job(json.loads(given.job), given.work, given.out)
    else:
        from recipes.patients.table import show

        show(given.out)


if __name__ == "__main__":
    main()
