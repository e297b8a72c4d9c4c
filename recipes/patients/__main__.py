"""Train on patients and phantoms together, and score patients that were not learnt from.

    python -m recipes.patients row tiny --train VOLUMES -o OUT                  five folds by patient
    python -m recipes.patients row tiny --train VOLUMES --test OTHERS -o OUT    other patients
    python -m recipes.patients table OUT                                        scores of what is done

VOLUMES holds a folder a patient with CT.nii*, PET_SUV.nii* and GTV_CT.nii*, crops of any size. The weights
in the package:

    python -m recipes.patients prepare VOLUMES -o WORK/sts
    python -m recipes.patients phantoms -o WORK/phantoms-held --patients 20 --seed 1077 --workers 16
    python -m recipes.patients phantoms -o WORK/phantoms --patients 330 --seed 1031 --workers 16
    python -m recipes.patients queue packaged --work WORK -o OUT --seconds 500

A queue is a network's name or a JSON file of jobs (`job`); several GPUs run it side by side. WORK/phantoms
are learnt from, WORK/phantoms-held are scored. `packaged-more` goes on from WORK/start/model.safetensors and
scores WORK/phantoms-unseen too.
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
    one = {verb: verbs.add_parser(verb) for verb in ("row", "prepare", "phantoms", "queue", "job", "table")}
    one["row"].add_argument("network")
    one["row"].add_argument("--train", type=Path, required=True, help="volumes to learn from")
    one["row"].add_argument("--test", type=Path, help="volumes to score, in place of folds of --train")
    one["row"].add_argument("--folds", type=int, default=5)
    one["row"].add_argument("--train-seconds", type=float, help="of each training (default: the recipe's)")
    one["prepare"].add_argument("volumes", type=Path)
    for name in ("patients", "seed", "workers"):
        one["phantoms"].add_argument(f"--{name}", type=int, required=True)
    one["queue"].add_argument("queue")
    one["job"].add_argument("job", type=json.loads)
    for verb in ("queue", "job"):
        one[verb].add_argument("--work", type=Path, required=True)
    one["queue"].add_argument("--seconds", type=float, required=True)
    one["queue"].add_argument("--gpus", type=int, default=1)
    one["queue"].add_argument("--slots", type=int, default=2)
    one["table"].add_argument("folders", type=Path, nargs="+")
    one["table"].add_argument("--csv", type=Path, help="write patients' rows here, those of runs beside it")
    one["table"].add_argument("--curves", type=Path, help="draw losses here (PNG)")
    for verb in ("row", "prepare", "phantoms", "queue", "job"):
        one[verb].add_argument("-o", "--out", type=Path, required=True)
    given = parser.parse_args()
    DO[given.verb](given)


def _row(given: argparse.Namespace) -> None:
    from recipes.patients.job import run_job
    from recipes.patients.prepare import prepare_patients
    from recipes.patients.queues import jobs_of

    work = given.out / "work"
    jobs = jobs_of(given.network, given.folds, given.test is not None, given.train_seconds)
    prepare_patients(given.train, work / "sts")
    if given.test:
        prepare_patients(given.test, work / "test")
    for job in jobs:
        run_job(job, work, given.out)
    _table(
        argparse.Namespace(folders=[given.out], csv=given.out / "scores.csv", curves=given.out / "losses.png")
    )


def _prepare(given: argparse.Namespace) -> None:
    from recipes.patients.prepare import prepare_patients

    prepare_patients(given.volumes, given.out)


def _phantoms(given: argparse.Namespace) -> None:
    from recipes.patients.prepare import draw_phantoms

    draw_phantoms(given.out, given.patients, given.seed, given.workers)
    (given.out / ".done").touch()


def _queue(given: argparse.Namespace) -> None:
    from recipes.patients.jobs import run_queue
    from recipes.patients.queues import jobs_of

    named = not given.queue.endswith(".json")
    queue = jobs_of(given.queue) if named else json.loads(Path(given.queue).read_text(encoding="utf-8"))
    left = run_queue(queue, given.work, given.out, given.seconds, given.gpus, given.slots)
    print("not run:", *left)


def _job(given: argparse.Namespace) -> None:
    from recipes.patients.job import run_job

    run_job(given.job, given.work, given.out)


def _table(given: argparse.Namespace) -> None:
    from recipes.patients.table import by_network, pairs_table, read_jobs, scores_table, write_csv

    rows, runs = read_jobs(given.folders)
    if not rows:
        raise SystemExit(f"{given.folders[0]}: no finished job with scored patients there")
    if given.csv:
        write_csv(given.csv, rows)
        write_csv(given.csv.with_stem(f"{given.csv.stem}-runs"), runs)
    if given.curves:
        from recipes.patients.curves import draw_losses

        draw_losses(given.folders, given.curves)
    print(scores_table(rows))
    if len(by_network(rows)) > 1:
        print()
        print(pairs_table(rows, "tiny" if "tiny" in by_network(rows) else rows[0]["network"]))


DO = {
    "row": _row,
    "prepare": _prepare,
    "phantoms": _phantoms,
    "queue": _queue,
    "job": _job,
    "table": _table,
}

if __name__ == "__main__":
    main()
