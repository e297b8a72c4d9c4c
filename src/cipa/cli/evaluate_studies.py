"""`cipa evaluate` on whole studies with truth."""

from argparse import Namespace
from collections.abc import Iterator, Sequence
from functools import reduce
from operator import or_
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cipa.cli.evaluate_options import OF_SLICES, mask_reading, name_scored, refuse_options, today
from cipa.cli.predictor import make_predictor
from cipa.cli.study_options import check_study_options, study_options
from cipa.cli.terminal import print_error, warn
from cipa.cli.volume_options import volume_options
from cipa.errors import DataError
from cipa.progress import study_bars
from cipa.text import plural, printable

if TYPE_CHECKING:
    from cipa.evaluation.cases import Case
    from cipa.progress import Progress
    from cipa.report.study_evaluation import SegmentStudy, StudyResult, StudyScore

Parts = Iterator[tuple[Sequence["Case"], "SegmentStudy"]]


def evaluate_studies(arguments: Namespace, out: Path) -> int:
    """Evaluate studies, write OUT, print the scores.

    Args:
        arguments: of `cipa evaluate`.
        out: folder to write, looked at already.

    Returns:
        0; 1 if a study failed.

    Raises:
        UsageError: an option does not go with studies or is out of range.
        DataError: no study with truth can be scored, or masks are missing.
    """
    from rich.console import Console
    from rich.text import Text

    from cipa.evaluation.cases import find_cases, name_some
    from cipa.report import study_evaluation
    from cipa.report.fitted_table import print_whole

    refuse_options(arguments, OF_SLICES, "goes with slices, not with studies")
    check_study_options(arguments)
    cases, without = find_cases(Path(arguments.data), arguments.truth, arguments.keep_names)
    scrub = reduce(or_, (case.study.secrets for case in cases)).scrub
    if without:
        warn(f"{len(without)} without truth, not scored: {name_some(without)}")
    about: dict[str, Any] = {"data": scrub(arguments.data), "without_truth": without}
    if arguments.masks:
        about["masks"] = scrub(arguments.masks)
    reading = study_evaluation.Reading(study_options(arguments), mask_reading(arguments, "truth"))
    with study_bars(len(cases)) as bars:
        done: list[StudyScore] = []

        def on_study(study: "StudyScore") -> None:
            """Print a line as a study is done."""
            done.append(study)
            print(f"[{len(done)}/{len(cases)}] {_line(study)}", flush=True)
            bars.study_done()

        result = study_evaluation.evaluate_studies(
            _parts(arguments, cases, about, bars.slices),
            out,
            reading=reading,
            tolerance=arguments.tolerance,
            masks=not arguments.no_masks,
            about=about,
            on_study=on_study,
        )
    print_whole(
        Console(highlight=False), Text(scrub(f"{name_scored(arguments)} on {arguments.data}"), "bold")
    )
    _print_scores(arguments, result, out)
    return DataError.exit_code if result.failed else 0


def _parts(arguments: Namespace, cases: list["Case"], about: dict[str, Any], progress: "Progress") -> Parts:
    """Give the studies with what segments them, one network in memory at a time; fill in `about`."""
    from cipa import __version__
    from cipa.evaluation.cases import find_masks_of
    from cipa.report.study_evaluation import file_segmenter

    if arguments.masks:
        masks = find_masks_of(cases, Path(arguments.masks))
        yield cases, file_segmenter(masks, mask_reading(arguments, "mask"))
    elif arguments.out_of_fold:
        yield from _folds(arguments, cases, about, progress)
    else:
        weights = arguments.weights
        about |= {"weights": weights[0] if len(weights) == 1 else weights}
        yield cases, _network(arguments, weights, about, progress)
    about |= {"date": today(), "cipa": __version__}


def _folds(arguments: Namespace, cases: list["Case"], about: dict[str, Any], progress: "Progress") -> Parts:
    from cipa.evaluation.folds import read_folds

    about |= {"weights": arguments.weights, "out_of_fold": []}
    for fold in read_folds(arguments.weights, [case.patient for case in cases]):
        own = [case for case in cases if case.patient in fold.patients]
        segment = _network(arguments, list(fold.weights), about, progress)
        scored = {"patients": fold.patients, "weights": fold.weights, "threshold": about.pop("threshold")}
        about["out_of_fold"].append(scored)
        yield own, segment


def _network(
    arguments: Namespace, weights: list[str], about: dict[str, Any], progress: "Progress"
) -> "SegmentStudy":
    from cipa.inference.study import settings_of
    from cipa.report.study_evaluation import network_segmenter

    options = volume_options(arguments)
    predictor = make_predictor(Namespace(**{**vars(arguments), "weights": weights}), arguments.device)
    for line in predictor.warnings:
        warn(line)
    settings = settings_of(predictor, options)
    about |= {"variant": settings["model"]["variant"], "image_size": predictor.image_size}
    about |= {"threshold": predictor.threshold, "precision": predictor.precision}
    about |= {"inputs": settings["options"]["inputs"], "settings": settings, "device": str(predictor.device)}
    return network_segmenter(predictor, options, progress)


def _line(study: "StudyScore") -> str:
    name = study.case.study.name
    if study.row is None:
        return printable(f"{name}: failed: {study.error}")
    row, warnings = study.row, len(study.of_truth) + len(study.of_mask)
    volumes = f"{row['prediction_ml']:.2f} mL for {row['truth_ml']:.2f} mL, {row['fp_ml']:.2f} mL false"
    noted = f", {plural(warnings, 'warning')}" if warnings else ""
    return f"{printable(name)}: Dice {100 * row['dice']:.1f} %, {volumes}{noted}"


def _print_scores(arguments: Namespace, result: "StudyResult", out: Path) -> None:
    from rich.console import Console

    from cipa.report.fitted_table import print_whole
    from cipa.report.patient_scores import patient_scores_table
    from cipa.report.scores import scores_table

    console = Console(highlight=False)
    if arguments.protocol != "patient":
        print_whole(console, scores_table(result.published))
    if arguments.protocol != "published":
        print_whole(console, patient_scores_table(result.patients))
    for study in result.studies:
        for line in study.of_truth:
            warn(f"{study.case.study.name}: {line}")
    for line in result.published.warnings:
        warn(line)
    names = [path.name + "/" * path.is_dir() for path in sorted(out.iterdir())]
    print(f"written to {out}: {', '.join(names)}")
    for study in result.studies:
        if study.error:
            print_error(f"failed: {study.case.study.name}: {study.error}")
