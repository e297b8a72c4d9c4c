"""`cipa predict` on studies: this process's share of them, a line a study, failures at the end."""

import gc
from argparse import Namespace
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from cipa.cli.dicom_out import dicom_kinds, picture_writers, warn_of_nifti
from cipa.cli.predict_input import PredictInput
from cipa.cli.predict_lines import DISCLAIMER, outcome_line, print_lesions, print_warnings, totals_line
from cipa.cli.predictor import make_predictor
from cipa.cli.ranks import Rank, this_rank
from cipa.cli.report_files import report_writers
from cipa.cli.study_names import HIDDEN, has_alias, write_alias_table
from cipa.cli.study_options import report_options, study_options
from cipa.cli.terminal import print_error
from cipa.cli.volume_options import volume_options
from cipa.errors import DataError, UsageError
from cipa.progress import study_bars

if TYPE_CHECKING:
    from cipa.inference.batch import Job
    from cipa.io.studies import StudyLocation


def predict_studies(arguments: Namespace, given: PredictInput) -> int:
    """Segment one study, or all of a folder.

    Args:
        arguments: of `cipa predict`.
        given: the studies.

    Returns:
        0; 1 if one of many failed.

    Raises:
        DataError: the one study cannot be used.
        UsageError: OUT is taken, or an option does not go with the input.
    """
    out, studies = Path(arguments.out), list(given.studies)
    warn_of_nifti(arguments, studies)
    if given.is_single:
        code = _one(arguments, studies[0], out)
        _say_names(arguments, studies)
        return code
    with this_rank() as rank:
        code = _many(arguments, studies, out, rank)
        if rank.index == 0:
            _say_names(arguments, studies)
        return code


def _say_names(arguments: Namespace, studies: list["StudyLocation"]) -> None:
    from cipa.io.location_cache import remember_location

    for study in studies:  # `cipa view` finds the images of a result by this
        remember_location(study)
    if arguments.alias_table:
        write_alias_table(Path(arguments.alias_table), studies)
        print(f"names and sources, which may name patients: {arguments.alias_table}")
    elif any(map(has_alias, studies)):
        print(f"{HIDDEN}, --alias-table FILE lists them")


def _job(
    arguments: Namespace,
    device: str,
    progress: Callable[[int, int], None],
    to_save: Sequence["StudyLocation"] = (),
) -> "Job":
    """Load the network, and what will write the results of the studies `to_save`."""
    from cipa.inference.batch import Job
    from cipa.inference.save import write_labels
    from cipa.io.dicom.seg import load_writer

    with ThreadPoolExecutor(1) as beside:  # while the GPU's kernels are made
        if any(study.is_dicom for study in to_save):
            beside.submit(load_writer)
        also = report_writers(arguments)
        also += (write_labels,) if arguments.labels else ()
        kinds = dicom_kinds(arguments)
        also += picture_writers(kinds)
        predictor = make_predictor(arguments, device)
    gc.freeze()  # looking for cycles among all that PyTorch loaded took 0.25 s of every study
    return Job(
        predictor,
        volume_options(arguments),
        study_options(arguments),
        also,
        arguments.overwrite,
        kinds,
        progress,
        report_options(arguments),
    )


def _one(arguments: Namespace, study: "StudyLocation", out: Path) -> int:
    from cipa.inference.names import is_mask_file

    if is_mask_file(out):
        return _one_mask(arguments, study, out)
    from cipa.inference.batch import run_study
    from cipa.inference.save import refuse_foreign

    refuse_foreign(out)
    with study_bars(1) as bars:
        job = _job(arguments, arguments.device, bars.slices, [study])
        outcome = run_study(job, study, out)
    print_warnings(outcome.warnings)
    print_lesions(out)
    again = "" if outcome.state == "done" else " (nothing to do; --overwrite does it again)"
    print(outcome_line(outcome) + again)
    print(f"written: {out}")
    print(DISCLAIMER)
    return 0


def _one_mask(arguments: Namespace, study: "StudyLocation", out: Path) -> int:
    """Write a mask under the name given, and nothing else."""
    from cipa.inference.batch import predict_location
    from cipa.inference.files import write_mask

    if out.resolve() in [path.resolve() for path in (study.ct, study.pet) if path]:
        raise UsageError(f"-o {out}: an input would be overwritten; choose another name")
    with study_bars(1) as bars:
        prediction = predict_location(_job(arguments, arguments.device, bars.slices), study)
    write_mask(prediction, out, arguments.probability)
    print_warnings(tuple(prediction.warnings))
    print(f"{study.name}: {totals_line(prediction.totals())}")
    print(f"written: {out}")
    print(DISCLAIMER)
    return 0


def _many(arguments: Namespace, studies: list["StudyLocation"], out: Path, rank: Rank) -> int:
    from cipa.inference.batch import run_studies, write_summary

    _check_out(out, studies)
    mine = rank.share(studies)
    failures = []
    with study_bars(len(mine)) as bars:
        job = _job(arguments, rank.device(arguments.device), bars.slices, mine)
        for number, outcome in enumerate(run_studies(job, mine, out)):
            head = f"[{rank.index + number * rank.count + 1}/{len(studies)}]"
            print(f"{head} {outcome_line(outcome)}", flush=True)
            bars.study_done()
            if outcome.error:
                failures.append(f"{head} {outcome.study}: {outcome.error}")
    failed = sorted(line for lines in rank.gather(failures) for line in lines)
    if rank.index == 0:
        write_summary(out, [study.name for study in studies])
        print(f"{len(studies) - len(failed)} of {len(studies)} studies finished; tables of all: {out}")
        for line in failed:
            print_error(f"failed: {line}")
        print(DISCLAIMER)
    return DataError.exit_code if failed else 0


def _check_out(out: Path, studies: list["StudyLocation"]) -> None:
    from cipa.inference.names import is_mask_file
    from cipa.inference.save import read_result

    if is_mask_file(out):
        raise UsageError(f"-o {out}: {len(studies)} studies are given; name a folder for their folders")
    if out.is_file() or read_result(out) is not None:
        raise UsageError(
            f"-o {out}: holds one study's result; name another folder for {len(studies)} studies"
        )
    names = [study.name for study in studies]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UsageError(f"two studies would be written as {twice[0]}; rename one of their folders")
