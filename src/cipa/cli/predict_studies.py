"""`cipa predict` on studies: where they are, this process's share, a line a study, failures at the end."""

import gc
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jsonargparse import Namespace

from cipa.cli.predict import make_predictor
from cipa.cli.ranks import Rank, this_rank
from cipa.cli.study_options import study_options, volume_options
from cipa.errors import DataError, UsageError
from cipa.progress import study_bars

if TYPE_CHECKING:
    from cipa.inference.batch import Job, Outcome
    from cipa.io.studies import StudyPlace


def predict_studies(arguments: Namespace) -> int:
    """Segment one study, or all of a folder.

    Returns:
        0; 1 if one of many failed.

    Raises:
        DataError: the one study cannot be used.
        UsageError: OUT is taken, or an option does not go with the input.
    """
    out = Path(arguments.out)
    places, is_single = _places(arguments)
    if is_single:
        return _one(arguments, places[0], out)
    with this_rank() as rank:
        return _many(arguments, places, out, rank)


def _places(arguments: Namespace) -> tuple[list["StudyPlace"], bool]:
    """Return the studies, and whether what was given is one study and not a folder of such."""
    from cipa.inference.inputs import name_of
    from cipa.io.studies import find_studies, lone_place, nifti_place

    if arguments.data:
        root = Path(arguments.data)
        places = find_studies(root, arguments.keep_names)
        return places, len(places) == 1 and _is_whole(root, places[0])
    if arguments.ct and arguments.pet:
        return [nifti_place(name_of(arguments.ct), Path(arguments.ct), Path(arguments.pet))], True
    kind = "ct" if arguments.ct else "pet"
    return [lone_place(name_of(arguments[kind]), Path(arguments[kind]), kind)], True


def _is_whole(root: Path, place: "StudyPlace") -> bool:
    """Tell whether the only study found is what was given, and not one in a folder that may hold more."""
    return place.ct == root or (place.pet is not None and place.ct.parent == root)


def _job(
    arguments: Namespace,
    device: str,
    progress: Callable[[int, int], None],
    to_save: Sequence["StudyPlace"] = (),
) -> "Job":
    """Load the network, and what will write the results of the studies `to_save`."""
    from cipa.inference.batch import Job
    from cipa.inference.save import write_labels
    from cipa.io.dicom.seg import load_writer

    with ThreadPoolExecutor(1) as beside:  # while the GPU's kernels are made
        if any(place.is_dicom for place in to_save):
            beside.submit(load_writer)
        also = () if arguments.no_report else _report_writers()
        also += (write_labels,) if arguments.labels else ()
        predictor = make_predictor(arguments, device)
    gc.freeze()  # looking for cycles among all that PyTorch loaded took 0.25 s of every study
    return Job(
        predictor, volume_options(arguments), study_options(arguments), also, arguments.overwrite, progress
    )


def _report_writers() -> tuple[Any, ...]:
    try:
        from cipa.report.study import write_study_report
    except ModuleNotFoundError as error:
        if error.name != "cipa.report.study":
            raise
        return ()
    return (write_study_report,)


def _one(arguments: Namespace, place: "StudyPlace", out: Path) -> int:
    from cipa.inference.names import is_mask_file

    if is_mask_file(out):
        return _one_mask(arguments, place, out)
    from cipa.inference.batch import run_study
    from cipa.inference.save import refuse_taken

    refuse_taken(out, overwrite=True)
    with study_bars(1) as bars:
        job = _job(arguments, arguments.device, bars.slices, [place])
        outcome = run_study(job, place, out)
    _warn(outcome.warnings)
    _print_lesions(out)
    print(_line(outcome) + ("" if outcome.state == "done" else " (nothing to do; --overwrite does it again)"))
    print(f"written: {out}")
    print("Research software, not a medical device.")
    return 0


def _one_mask(arguments: Namespace, place: "StudyPlace", out: Path) -> int:
    """Write a mask under the name given, and nothing else."""
    from cipa.inference.batch import predict_place
    from cipa.inference.files import write_mask

    if out.resolve() in [path.resolve() for path in (place.ct, place.pet) if path]:
        raise UsageError(f"-o {out}: an input would be overwritten; choose another name")
    with study_bars(1) as bars:
        prediction = predict_place(_job(arguments, arguments.device, bars.slices), place)
    write_mask(prediction, out, arguments.probability)
    _warn(tuple(prediction.warnings))
    print(f"{place.name}: {_totals(prediction.totals())}")
    print(f"written: {out}")
    print("Research software, not a medical device.")
    return 0


def _many(arguments: Namespace, places: list["StudyPlace"], out: Path, rank: Rank) -> int:
    from cipa.inference.batch import run_studies, write_summary

    _check_out(out, places)
    mine = rank.share(places)
    failures = []
    with study_bars(len(mine)) as bars:
        job = _job(arguments, rank.device(arguments.device), bars.slices, mine)
        for number, outcome in enumerate(run_studies(job, mine, out)):
            place = rank.index + number * rank.count + 1
            print(f"[{place}/{len(places)}] {_line(outcome)}", flush=True)
            bars.study_done()
            if outcome.error:
                failures.append(f"[{place}/{len(places)}] {outcome.study}: {outcome.error}")
    failed = sorted(line for lines in rank.gather(failures) for line in lines)
    if rank.index == 0:
        write_summary(out, [place.name for place in places])
        print(f"{len(places) - len(failed)} of {len(places)} studies finished; tables of all: {out}")
        for line in failed:
            print(f"cipa: failed: {line}", file=sys.stderr)
        print("Research software, not a medical device.")
    return DataError.exit_code if failed else 0


def _check_out(out: Path, places: list["StudyPlace"]) -> None:
    from cipa.inference.names import is_mask_file
    from cipa.inference.save import read_result

    if is_mask_file(out):
        raise UsageError(f"-o {out}: {len(places)} studies are given; name a folder for their folders")
    if out.is_file() or read_result(out) is not None:
        raise UsageError(f"-o {out}: holds one study's result; name another folder for {len(places)} studies")
    names = [place.name for place in places]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"two studies would be written as {twice[0]}; rename one of their folders")


def _line(outcome: "Outcome") -> str:
    if outcome.totals is None:
        return f"{outcome.study}: failed: {outcome.error}"
    when = f"{outcome.seconds:.1f} s" if outcome.state == "done" else "finished before"
    doubts = f", {len(outcome.warnings)} warnings" if outcome.warnings else ""
    return f"{outcome.study}: {_totals(outcome.totals)}, {when}{doubts}"


def _totals(totals: dict[str, Any]) -> str:
    if not totals["lesions"]:
        return "no lesion"
    lesions = "1 lesion" if totals["lesions"] == 1 else f"{totals['lesions']} lesions"
    if totals["suv_max"] is None:
        return f"{lesions}, {totals['mtv_ml']:.2f} mL"
    return (
        f"{lesions}, MTV {totals['mtv_ml']:.2f} mL, TLG {totals['tlg']:.1f}, SUVmax {totals['suv_max']:.2f}"
    )


def _warn(lines: tuple[str, ...]) -> None:
    for line in lines:
        print(f"cipa: warning: {line}", file=sys.stderr)


MOST_ROWS = 20
"""Lesions shown on the terminal; all are in lesions.csv."""


def _print_lesions(out: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    from cipa.inference.save import read_result

    rows = (read_result(out) or {"lesions": []})["lesions"]
    if not rows:
        return
    table = Table(title="lesions, largest first", title_justify="left")
    columns = {
        "mL": "volume_ml",
        "SUVmax": "suv_max",
        "SUVmean": "suv_mean",
        "SUVpeak": "suv_peak",
        "TLG": "tlg",
    }
    for name in ("", *columns, "slices"):
        table.add_column(name, justify="right")
    for row in rows[:MOST_ROWS]:
        cells = ("-" if row[key] is None else f"{row[key]:.2f}" for key in columns.values())
        table.add_row(str(row["number"]), *cells, f"{row['first_slice']}-{row['last_slice']}")
    console = Console(highlight=False)
    console.print(table)
    if len(rows) > MOST_ROWS:
        console.print(f"and {len(rows) - MOST_ROWS} more in lesions.csv")
