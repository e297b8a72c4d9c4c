"""Score weights, a threshold on PET, or masks that another tool made, against the truth.

DATA is a data set in PCLT20K layout, or a folder of studies as `cipa predict` takes them, each with its
truth: a NIfTI mask in the study's folder or beside it (truth*, tumour*, GTV*, *mask*), the one DICOM SEG or
RTSTRUCT in it, or what --truth names.

The published protocol pools the pixels of all slices. The patient protocol scores each patient in 3-D and in
mm, with 95 % intervals over patients; it needs the spacing, from --spacing or from DATA/metadata.json:
{"spacing_mm": [z, y, x]}, or "patients": {"0001": {"spacing_mm": [z, y, x]}}.

Writes OUT/masks/<patient>/<slice>.png (255 is tumour), of studies OUT/masks/<patient>.nii.gz,
OUT/per_slice.csv, OUT/per_patient.csv, OUT/per_patient_3d.csv, OUT/summary.json and, of slices,
OUT/panels/worst.png, median.png, best.png. OUT appears when all of it is done.
"""

from argparse import Namespace
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cipa.cli.evaluate_options import (
    OF_STUDIES,
    add_evaluate_options,
    check_what_is_scored,
    mask_reading,
    name_scored,
    refuse_options,
    today,
)
from cipa.cli.network_options import PRECISIONS, warn_of_inputs
from cipa.cli.parser import Parser
from cipa.cli.terminal import warn
from cipa.cli.weights_option import choose_weights
from cipa.errors import DataError, UsageError
from cipa.files import refuse_occupied
from cipa.progress import counting_bar

if TYPE_CHECKING:
    from cipa.data.pclt20k import PCLT20K
    from cipa.evaluation.patient import PatientProtocol
    from cipa.evaluation.published import PublishedResult
    from cipa.evaluation.scoring import Segmenter
    from cipa.inference.predictor import Predictor


EXAMPLES = """
cipa evaluate DATA --weights RUN -o OUT
cipa evaluate DATA --pet-threshold 41% -o OUT
cipa evaluate STUDIES --weights RUN -o OUT
cipa evaluate STUDIES --masks NNUNET_PREDICTIONS --truth labelsTs -o OUT
"""


def add_arguments(parser: Parser) -> None:
    """Declare the options of `cipa evaluate`."""
    parser.explain("DATA --weights PATH -o OUT", EXAMPLES)
    add_evaluate_options(parser)


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

    check_what_is_scored(arguments)
    from cipa.report.evaluation import is_evaluation

    refuse_occupied(out, "an evaluation", is_evaluation, arguments.overwrite)
    if not _is_sliced(arguments.data):
        from cipa.cli.evaluate_studies import evaluate_studies

        return evaluate_studies(arguments, out)
    from cipa.data.pclt20k import read_ids

    refuse_options(arguments, OF_STUDIES, "goes with studies, not with slices")
    arguments.list = arguments.list or "test"
    ids = read_ids(arguments.data, arguments.list)
    patients = _patient_protocol(arguments, ids)
    score = _score_weights
    if not arguments.weights:
        score = _score_threshold if arguments.pet_threshold else _score_masks
    result = score(arguments, ids, patients, out)
    _print_scores(arguments, result, patients, out)
    return 0


def _is_sliced(data: str) -> bool:
    """Tell slices in PCLT20K layout from studies: they have a list."""
    from cipa.data.layout import SPLITS, list_path

    return any(list_path(data, split).exists() for split in SPLITS)


def _score_weights(
    arguments: Namespace, ids: Sequence[str], patients: "PatientProtocol | None", out: Path
) -> "PublishedResult":
    from cipa.data.pclt20k import PCLT20K
    from cipa.report.evaluation import evaluate

    if arguments.out_of_fold:
        return _score_folds(arguments, ids, patients, out)
    weights = [str(choose_weights(one)) for one in arguments.weights]
    predictor = _predictor(arguments, ids, weights)
    dataset = PCLT20K(arguments.data, ids, predictor.image_size, slices=predictor.slices)
    about = _about_weights(arguments, weights, predictor)
    with counting_bar(f"evaluating on {predictor.device}", len(ids)) as advance:
        return evaluate(predictor, dataset, out, **_options(arguments, patients, about), advance=advance)


def _about_weights(arguments: Namespace, weights: list[str], predictor: "Predictor") -> dict[str, Any]:
    from cipa.inference.modalities import trained_inputs

    return {
        "weights": weights[0] if len(weights) == 1 else weights,
        "inputs": arguments.inputs or trained_inputs(predictor.models[0]),
        "flips": arguments.tta == "flips",
    }


def _score_folds(
    arguments: Namespace, ids: Sequence[str], patients: "PatientProtocol | None", out: Path
) -> "PublishedResult":
    from cipa.data.layout import patient_of
    from cipa.data.pclt20k import PCLT20K
    from cipa.evaluation.folds import read_folds
    from cipa.report.evaluation import segment_slices, write_parts

    folds = read_folds(arguments.weights, map(patient_of, ids))
    about: dict[str, Any] = {"weights": arguments.weights, "out_of_fold": []}

    def parts() -> Iterator["tuple[PCLT20K, Segmenter]"]:
        """Yield each fold's slices with the network that did not train on them."""
        for fold in folds:
            own = [slice_id for slice_id in ids if patient_of(slice_id) in fold.patients]
            predictor = _predictor(arguments, own, list(fold.weights))
            about["out_of_fold"].append(
                {"patients": fold.patients, "weights": fold.weights, "threshold": predictor.threshold}
            )
            data = PCLT20K(arguments.data, own, predictor.image_size, slices=predictor.slices)
            yield data, partial(segment_slices, predictor)

    shown = PCLT20K(arguments.data, ids, _side(arguments.data, ids[0]))
    options = _options(arguments, patients, {}) | {"batch_size": arguments.batch_size}
    about = options.pop("about") | about
    with counting_bar(f"evaluating {len(folds)} folds", len(ids)) as advance:
        return write_parts(parts(), out, shown, **options, about=about, advance=advance)


def _predictor(arguments: Namespace, ids: Sequence[str], weights: list[str]) -> "Predictor":
    """Load weights, an ensemble where there are several, and refuse data they do not fit."""
    from cipa.data.grey_scale import require_scale
    from cipa.data.layout import patient_of
    from cipa.inference.predictor import Predictor

    predictor = Predictor(
        weights,
        arguments.device,
        arguments.batch_size,
        arguments.threshold,
        PRECISIONS[arguments.precision],
        None if arguments.tta == "none" else arguments.tta,
        arguments.inputs,
    )
    warn_of_inputs(predictor.models, arguments.inputs)
    for line in predictor.warnings:
        warn(line)
    require_scale(predictor.config, arguments.data, map(patient_of, ids), " and ".join(weights))
    _check_size(arguments.data, ids[0], predictor.image_size, weights[0])
    return predictor


def _score_threshold(
    arguments: Namespace, ids: Sequence[str], patients: "PatientProtocol | None", out: Path
) -> "PublishedResult":
    from cipa.data.grey_scale import read_grey_scale, same_value
    from cipa.data.layout import image_path, patient_of, read_ids
    from cipa.data.pclt20k import PCLT20K
    from cipa.evaluation.pet_threshold import ThresholdSegmenter, pet_threshold
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
        warn(
            f"PET of {', '.join(found.saturated)} reaches white, so that its maximum is not known and the "
            "share of it too low: convert with a higher --suv-max"
        )
    dataset = PCLT20K(arguments.data, ids, len(read_grey(image_path(arguments.data, ids[0], "PET"))))
    about = {"pet_threshold": found.rule, "suv": found.suvs, "saturated": found.saturated}
    with counting_bar("evaluating", len(ids)) as advance:
        return write_evaluation(
            dataset,
            ThresholdSegmenter(found.greys),
            out,
            **_options(arguments, patients, about),
            advance=advance,
        )


def _score_masks(
    arguments: Namespace, ids: Sequence[str], patients: "PatientProtocol | None", out: Path
) -> "PublishedResult":
    from cipa.data.pclt20k import PCLT20K
    from cipa.evaluation.slice_masks import SliceMasks
    from cipa.report.evaluation import write_evaluation

    source, root = Path(arguments.masks), Path(arguments.data)
    segment = SliceMasks(source, root, ids, mask_reading(arguments, "mask"))
    dataset = PCLT20K(root, ids, _side(arguments.data, ids[0]))
    options = _options(arguments, patients, {"masks": arguments.masks})
    with counting_bar("evaluating", len(ids)) as advance:
        result = write_evaluation(dataset, segment, out, **options, advance=advance)
    for line in segment.warnings:
        warn(line)
    return result


def _options(
    arguments: Namespace, patients: "PatientProtocol | None", about: dict[str, Any]
) -> dict[str, Any]:
    from cipa.version import __version__

    about = {"data": arguments.data, "list": arguments.list, **about, "date": today(), "cipa": __version__}
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
    from rich.text import Text

    from cipa.report.fitted_table import print_whole
    from cipa.report.patient_scores import patient_scores_table
    from cipa.report.scores import scores_table

    console = Console(highlight=False)
    print_whole(console, Text(f"{name_scored(arguments)} on {arguments.data} ({arguments.list})", "bold"))
    if arguments.protocol != "patient":
        print_whole(console, scores_table(result))
    if patients is not None:
        print_whole(console, patient_scores_table(patients.result()))
    for warning in result.warnings:
        warn(warning)
    names = [path.name + "/" * path.is_dir() for path in sorted(out.iterdir())]
    print(f"written to {out}: {', '.join(names)}")
