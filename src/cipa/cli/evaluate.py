"""Score weights, or a threshold on PET, on a data set in PCLT20K layout: masks, tables, panels, metrics.

The published protocol pools the pixels of all slices. The patient protocol scores each patient in 3-D and in
mm, with 95 % intervals over patients; it needs the spacing, from --spacing or from DATA/metadata.json:
{"spacing_mm": [z, y, x]}, or "patients": {"0001": {"spacing_mm": [z, y, x]}}.

Writes OUT/masks/<patient>/<slice>.png (255 is tumour), OUT/per_slice.csv, OUT/per_patient.csv,
OUT/per_patient_3d.csv, OUT/summary.json and OUT/panels/worst.png, median.png, best.png. OUT
appears when all of it is done.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jsonargparse import ArgumentParser, Namespace

from cipa.cli.inputs_option import add_inputs, warn_of_inputs
from cipa.errors import DataError, UsageError
from cipa.files import refuse_occupied
from cipa.progress import counting_bar

if TYPE_CHECKING:
    from cipa.evaluation.patient import PatientProtocol
    from cipa.evaluation.published import PublishedResult


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options of `cipa evaluate`."""
    add = parser.add_argument
    add("data", help="folder in PCLT20K layout, with masks")
    add("--weights", help="a folder of weights this project wrote, or a published file")
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
    from cipa import load_model
    from cipa.data.pclt20k import PCLT20K
    from cipa.inference.modalities import trained_inputs, with_inputs
    from cipa.inference.predictor import Predictor
    from cipa.report.evaluation import evaluate

    model = load_model(arguments.weights)
    warn_of_inputs([model], arguments.inputs)
    shown = with_inputs(model, arguments.inputs)
    predictor = Predictor(
        shown, arguments.device, arguments.batch_size, arguments.threshold, arguments.precision
    )
    dataset = PCLT20K(arguments.data, ids, predictor.image_size, slices=predictor.slices)
    _check_size(arguments, ids[0], predictor.image_size)
    about = {"weights": arguments.weights, "inputs": arguments.inputs or trained_inputs(model)}
    with counting_bar(f"evaluating on {predictor.device}", len(ids)) as advance:
        return evaluate(predictor, dataset, out, **_options(arguments, patients, about), advance=advance)


def _score_threshold(
    arguments: Namespace, ids: Sequence[str], patients: "PatientProtocol | None", out: Path
) -> "PublishedResult":
    from cipa.data.layout import image_path, read_ids
    from cipa.data.pclt20k import PCLT20K
    from cipa.evaluation.pet_threshold import ThresholdMasks, pet_threshold, stored_suv_max
    from cipa.io.png import read_grey
    from cipa.report.evaluation import write_evaluation

    tuned_on = read_ids(arguments.data, "train") if arguments.pet_threshold == "tuned" else []
    suv_max = stored_suv_max(arguments.data) if arguments.suv_max is None else arguments.suv_max
    found = pet_threshold(arguments.data, ids, arguments.pet_threshold, tuned_on, suv_max)
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


def _check_size(arguments: Namespace, slice_id: str, size: int) -> None:
    from cipa.data.layout import image_path
    from cipa.io.png import read_grey

    height, width = read_grey(image_path(arguments.data, slice_id, "CT")).shape
    if (height, width) != (size, size):
        raise DataError(
            f"{arguments.data}: slices of {width} x {height} pixels, but {arguments.weights} takes "
            f"{size} x {size}; use weights of the data's size, or data of the weights'"
        )


def _print_scores(
    arguments: Namespace, result: "PublishedResult", patients: "PatientProtocol | None", out: Path
) -> None:
    from rich.console import Console

    from cipa.report.patient_scores import patient_scores_table
    from cipa.report.scores import scores_table

    console = Console(highlight=False, soft_wrap=True)
    scored = arguments.weights or f"PET threshold {arguments.pet_threshold}"
    title = f"{scored} on {arguments.data} ({arguments.list})"
    if arguments.protocol != "patient":
        console.print(scores_table(result, title))
    if patients is not None:
        console.print(patient_scores_table(patients.result(), title))
    names = [path.name + "/" * path.is_dir() for path in sorted(out.iterdir())]
    console.print(f"written to {out}: {', '.join(names)}", markup=False)
