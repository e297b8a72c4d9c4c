"""Score weights, or a threshold on PET, on a data set in PCLT20K layout: masks, tables, panels, metrics.

The published protocol pools the pixels of all slices. The patient protocol scores each patient in 3-D and in
mm, with 95 % intervals over patients; it needs the spacing, from --spacing or from DATA/metadata.json:
{"spacing_mm": [z, y, x]}, or "patients": {"0001": {"spacing_mm": [z, y, x]}}.

Writes OUT/masks/<patient>/<slice>.png (255 is tumour), OUT/per_slice.csv, OUT/per_patient.csv,
OUT/per_patient_3d.csv, OUT/summary.json and OUT/panels/worst.png, median.png, best.png. OUT
appears when all of it is done.
"""

import sys
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from jsonargparse import ArgumentParser, Namespace

from cipa.cli.inputs_option import add_inputs, warn_of_inputs
from cipa.errors import DataError, UsageError
from cipa.files import refuse_occupied
from cipa.progress import counting_bar

if TYPE_CHECKING:
    import numpy as np

    from cipa.data.pclt20k import PCLT20K
    from cipa.evaluation.patient import PatientProtocol
    from cipa.evaluation.published import PublishedResult
    from cipa.evaluation.scoring import Segment
    from cipa.inference.predictor import Predictor


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options of `cipa evaluate`."""
    add = parser.add_argument
    add("data", help="folder in PCLT20K layout, with masks")
    add(
        "--weights",
        action="append",
        metavar="WEIGHTS",
        help="a run, its weights or a published file; again for several",
    )
    add(
        "--out-of-fold",
        action="store_true",
        help="the weights are runs of `cipa train --fold`: each patient is scored by those that left it out",
    )
    add("--flips", action="store_true", help="the mean over four flips of every slice; four times as long")
    add(
        "--pet-threshold",
        metavar="RULE",
        help="instead of weights: PET at or above a SUV (2.5), a share of the patient's maximum (41%), or "
        "the SUV best on the training slices (tuned)",
    )
    add("--suv-max", type=float, help="with --pet-threshold: the SUV that is white; else metadata.json's")
    add("-o", "--out", required=True, help="folder to write; it must be new or empty")
    add("--list", choices=["test", "train"], default="test", help="which list of DATA to score")
    add("--device", default="auto", help="auto, cpu, cuda, cuda:N or mps")
    add("--batch-size", type=int, default=4, help="slices a pass of the network")
    add("--precision", choices=["float32", "bf16", "fp16"], default="float32", help="what it computes in")
    add("--threshold", type=float, help="probability above which a pixel is tumour; else the weights' own")
    add_inputs(parser)
    add(
        "--protocol",
        choices=["both", "published", "patient"],
        default="both",
        help="which scores to print; patient refuses to run without the spacing",
    )
    add(
        "--spacing",
        type=float,
        nargs=3,
        metavar=("Z", "Y", "X"),
        help="mm between slices, rows and columns, of every patient; goes before metadata.json",
    )
    add("--tolerance", type=float, default=2.0, help="mm within which surfaces are the same, for NSD")
    add("--no-masks", action="store_true", help="do not write the predicted masks")
    add("--panels", type=int, default=4, help="slices in each of the three panels; 0 for none")
    add("--overwrite", action="store_true", help="replace an earlier evaluation at OUT once this one is done")


def run(arguments: Namespace) -> int:
    """Evaluate, write OUT, print the scores.

    Returns:
        0.

    Raises:
        UsageError: an option is out of range, or OUT holds something.
        DataError: the data, the weights, or the two together cannot be used.
    """
    out = Path(arguments.out)
    if arguments.panels < 0:
        raise UsageError(f"--panels {arguments.panels}: give 0 for none, or the slices a panel")

    if bool(arguments.weights) == bool(arguments.pet_threshold):
        raise UsageError("give --weights, or --pet-threshold, to be scored")

    if arguments.pet_threshold and (arguments.out_of_fold or arguments.flips):
        raise UsageError("--out-of-fold and --flips go with --weights, not with --pet-threshold")

    from cipa.data.pclt20k import read_ids
    from cipa.report.evaluation import is_evaluation

    refuse_occupied(out, "an evaluation", is_evaluation, arguments.overwrite)
    ids = read_ids(arguments.data, arguments.list)
    patients = _patient_protocol(arguments, ids)
    score = _score_threshold if arguments.pet_threshold else _score_weights
    result = score(arguments, ids, patients, out)
    _print_scores(arguments, result, patients, out)
    return 0


def _score_weights(
    arguments: Namespace, ids: Sequence[str], patients: "PatientProtocol | None", out: Path
) -> "PublishedResult":
    from cipa.data.pclt20k import PCLT20K
    from cipa.report.evaluation import evaluate

    if arguments.out_of_fold:
        return _score_folds(arguments, ids, patients, out)
    predictor = _predictor(arguments, ids, arguments.weights)
    dataset = PCLT20K(arguments.data, ids, predictor.image_size, slices=predictor.slices)
    about = _about_weights(arguments, predictor)
    with counting_bar(f"evaluating on {predictor.device}", len(ids)) as advance:
        return evaluate(predictor, dataset, out, **_options(arguments, patients, about), advance=advance)


def _about_weights(arguments: Namespace, predictor: "Predictor") -> dict[str, Any]:
    from cipa.inference.modalities import trained_inputs

    given = arguments.weights
    return {
        "weights": given[0] if len(given) == 1 else given,
        "inputs": arguments.inputs or trained_inputs(predictor.models[0]),
        "flips": arguments.flips,
    }


def _score_folds(
    arguments: Namespace, ids: Sequence[str], patients: "PatientProtocol | None", out: Path
) -> "PublishedResult":
    from cipa.data.layout import patient_of
    from cipa.data.pclt20k import PCLT20K
    from cipa.evaluation.folds import read_folds
    from cipa.report.evaluation import write_parts

    folds = read_folds(arguments.weights, map(patient_of, ids))
    about: dict[str, Any] = {"weights": arguments.weights, "out_of_fold": []}

    def parts() -> Iterator["tuple[PCLT20K, Segment]"]:
        for fold in folds:
            own = [slice_id for slice_id in ids if patient_of(slice_id) in fold.patients]
            predictor = _predictor(arguments, own, list(fold.weights))
            about["out_of_fold"].append(
                {"patients": fold.patients, "weights": fold.weights, "threshold": predictor.threshold}
            )
            data = PCLT20K(arguments.data, own, predictor.image_size, slices=predictor.slices)
            yield data, partial(_segment, predictor)

    shown = PCLT20K(arguments.data, ids, _side(arguments.data, ids[0]))
    options = _options(arguments, patients, {}) | {"batch_size": arguments.batch_size}
    about = options.pop("about") | about
    with counting_bar(f"evaluating {len(folds)} folds", len(ids)) as advance:
        return write_parts(parts(), out, shown, **options, about=about, advance=advance)


def _segment(predictor: "Predictor", ct: "np.ndarray", pet: "np.ndarray") -> "np.ndarray":
    return predictor.mask(predictor.predict_slices(ct, pet))


def _predictor(arguments: Namespace, ids: Sequence[str], weights: list[str]) -> "Predictor":
    """Load weights, an ensemble where there are several, and refuse data they do not fit."""
    from cipa.data.grey_scale import require_scale
    from cipa.data.layout import patient_of
    from cipa.inference.modalities import with_inputs
    from cipa.inference.predictor import Predictor
    from cipa.inference.weights import load_members

    models, _ = load_members(weights)
    warn_of_inputs(models, arguments.inputs)
    for model, one in zip(models, weights, strict=True):
        require_scale(cast(Any, model).config, arguments.data, map(patient_of, ids), one)
    predictor = Predictor(
        [with_inputs(model, arguments.inputs) for model in models],
        arguments.device,
        arguments.batch_size,
        arguments.threshold,
        arguments.precision,
        "flips" if arguments.flips else None,
    )
    _check_size(arguments.data, ids[0], predictor.image_size, weights[0])
    return predictor


def _score_threshold(
    arguments: Namespace, ids: Sequence[str], patients: "PatientProtocol | None", out: Path
) -> "PublishedResult":
    from cipa.data.grey_scale import read_grey_scale, same_value
    from cipa.data.layout import image_path, patient_of, read_ids
    from cipa.data.pclt20k import PCLT20K
    from cipa.evaluation.pet_threshold import ThresholdMasks, pet_threshold
    from cipa.io.png import read_grey
    from cipa.report.evaluation import write_evaluation

    tuned_on = read_ids(arguments.data, "train") if arguments.pet_threshold == "tuned" else []
    scale = read_grey_scale(arguments.data, map(patient_of, ids))
    suv_max = scale.suv_max if arguments.suv_max is None else arguments.suv_max
    if None not in (scale.suv_max, suv_max) and not same_value(scale.suv_max, suv_max):
        raise UsageError(
            f"--suv-max {suv_max:g}: {arguments.data}/metadata.json says {scale.suv_max:g}; leave it out"
        )
    scaling = scale.pet_scaling or "linear"
    found = pet_threshold(arguments.data, ids, arguments.pet_threshold, tuned_on, suv_max, scaling=scaling)
    if found.saturated:
        print(
            f"cipa: warning: PET of {', '.join(found.saturated)} reaches white, so that its maximum is not "
            "known and the share of it too low: convert with a higher --suv-max",
            file=sys.stderr,
        )
    dataset = PCLT20K(arguments.data, ids, len(read_grey(image_path(arguments.data, ids[0], "PET"))))
    about = {"pet_threshold": found.rule, "suv": found.suvs, "saturated": found.saturated}
    with counting_bar("evaluating", len(ids)) as advance:
        return write_evaluation(
            ThresholdMasks(dataset, found.greys),
            lambda ct, pet: pet,
            out,
            **_options(arguments, patients, about),
            advance=advance,
            shown=dataset,
        )


def _options(
    arguments: Namespace, patients: "PatientProtocol | None", about: dict[str, Any]
) -> dict[str, Any]:
    from cipa import __version__

    about = {"data": arguments.data, "list": arguments.list, **about, "cipa": __version__}
    shown = {"masks": not arguments.no_masks, "panels": arguments.panels}
    return {**shown, "patients": patients, "about": about}


def _patient_protocol(arguments: Namespace, ids: Sequence[str]) -> "PatientProtocol | None":
    """Return what scores patients in 3-D; nothing if that is not asked for, or cannot be, which is said."""
    from cipa.data.layout import patient_of
    from cipa.data.spacing import SpacingUnknown, find_spacings
    from cipa.evaluation.patient import PatientProtocol

    if arguments.protocol == "published":
        return None
    try:
        spacings = find_spacings(arguments.data, map(patient_of, ids), arguments.spacing)
    except SpacingUnknown as error:
        if arguments.protocol == "patient":
            raise
        print(f"published protocol only, no scores in mm: {error}")
        return None
    return PatientProtocol(spacings, arguments.tolerance)


def _check_size(data: str, slice_id: str, size: int, weights: str) -> None:
    from cipa.data.layout import image_path
    from cipa.io.png import read_grey

    height, width = read_grey(image_path(data, slice_id, "CT")).shape
    if (height, width) != (size, size):
        raise DataError(
            f"{data}: slices of {width} x {height} pixels, but {weights} takes {size} x {size}; use weights "
            "of the data's size, or data of the weights'"
        )


def _side(data: str, slice_id: str) -> int:
    from cipa.data.layout import image_path
    from cipa.io.png import read_grey

    return len(read_grey(image_path(data, slice_id, "CT")))


def _print_scores(
    arguments: Namespace, result: "PublishedResult", patients: "PatientProtocol | None", out: Path
) -> None:
    from rich.console import Console

    from cipa.report.patient_scores import patient_scores_table
    from cipa.report.scores import scores_table

    console = Console(highlight=False, soft_wrap=True)
    weights = arguments.weights or []
    several = f"{len(weights)} runs, out of fold" if arguments.out_of_fold else f"{len(weights)} networks"
    named = weights[0] if len(weights) == 1 else several
    scored = named if weights else f"PET threshold {arguments.pet_threshold}"
    title = f"{scored} on {arguments.data} ({arguments.list})"
    if arguments.protocol != "patient":
        console.print(scores_table(result, title))
    if patients is not None:
        console.print(patient_scores_table(patients.result(), title))
    for warning in result.warnings:
        print(f"cipa: warning: {warning}", file=sys.stderr)
    names = [path.name + "/" * path.is_dir() for path in sorted(out.iterdir())]
    console.print(f"written to {out}: {', '.join(names)}", markup=False)
