"""Draw practice PET-CT: slices in PCLT20K layout with the score of PET thresholds, or DICOM studies."""

from argparse import Namespace
from typing import Any

from cipa.cli.out_folder import add_out_folder, settle_out_folder
from cipa.cli.parser import Parser
from cipa.errors import UsageError
from cipa.progress import progress_bar
from cipa.text import plural

_PREVIEWED = 3
SLICE_OPTIONS = {"tumour_slices": [4, 40], "healthy": 0.0, "test_fraction": 0.2, "preview": None}
"""Options, with their defaults, that mean something for slices alone: a DICOM study is a whole thorax."""


EXAMPLES = """
cipa phantom -o DATA --patients 40 --image-size 256
cipa phantom -o OUT --dicom --patients 3
"""


def add_arguments(parser: Parser) -> None:
    """Declare what `cipa phantom` takes."""
    parser.explain("-o OUT", EXAMPLES)
    add_out_folder(
        parser.add_argument_group("output").add_argument,
        "folder to make: lists and a folder a patient; with --dicom OUT/studies and OUT/truth",
    )
    add = parser.add_argument_group("what is drawn").add_argument
    add(
        "--dicom", action="store_true", help="draw whole thoraxes as DICOM studies, with their truth as NIfTI"
    )
    add("--patients", type=int, default=40, metavar="N", help="how many patients to draw")
    add(
        "--seed",
        type=int,
        default=0,
        metavar="N",
        help="of the data set; a patient depends on it and on its own number",
    )
    add(
        "--image-size",
        "--size",
        type=int,
        default=512,
        metavar="N",
        help="pixels a side over 500 mm, a multiple of 128",
    )
    add("--workers", type=int, metavar="N", help="processes (default: one a processor)")
    add = parser.add_argument_group("slices in PCLT20K layout, without --dicom").add_argument
    add(
        "--tumour-slices",
        type=int,
        nargs=2,
        default=SLICE_OPTIONS["tumour_slices"],
        metavar=("FEWEST", "MOST"),
        help="how many slices of a patient show tumour",
    )
    add(
        "--healthy",
        type=float,
        default=0.0,
        metavar="X",
        help="share of the slices without tumour to write too, 0 to 1",
    )
    add("--test-fraction", type=float, default=0.2, metavar="X", help="share of the patients in test.txt")
    add("--preview", metavar="FILE", help="also write this PNG: some slices and their tumours")


def run(arguments: Namespace) -> int:
    """Draw the data set, print its baseline, write the preview; or draw DICOM studies.

    Returns:
        0.

    Raises:
        UsageError: an option is out of range, or OUT holds something.
    """
    arguments.out = settle_out_folder(arguments)
    if arguments.dicom:
        return _run_dicom(arguments)
    if arguments.preview and not arguments.preview.lower().endswith(".png"):
        raise UsageError(f"--preview {arguments.preview}: give the name of a .png file")
    _draw(arguments)

    from cipa.data.layout import list_path, read_list

    lists = {split: read_list(list_path(arguments.out, split)) for split in ("train", "test")}
    _print_summary(arguments.out, lists)
    if arguments.preview:
        _write_preview(arguments, lists["test"] + lists["train"])
    return 0


def _run_dicom(arguments: Namespace) -> int:
    for name, default in SLICE_OPTIONS.items():
        if getattr(arguments, name) != default:
            option = "--" + name.replace("_", "-")
            raise UsageError(f"{option}: only for slices; --dicom writes every slice of the thorax")

    from cipa.parallel import processors
    from cipa.phantom.study import write_phantom_studies

    with progress_bar("drawing patients") as progress:
        write_phantom_studies(
            arguments.out,
            arguments.patients,
            seed=arguments.seed,
            size=arguments.image_size,
            workers=processors() if arguments.workers is None else arguments.workers,
            progress=progress,
        )
    studies = plural(arguments.patients, "phantom PET-CT study", "phantom PET-CT studies")
    print(
        f"{arguments.out}/studies: {studies} (DICOM)\n"
        f"{arguments.out}/truth: their tumours (NIfTI, on the CT's grid)"
    )
    return 0


def _draw(arguments: Namespace) -> None:
    from cipa.parallel import processors
    from cipa.phantom import write_phantoms

    with progress_bar("drawing patients") as progress:
        write_phantoms(
            arguments.out,
            arguments.patients,
            seed=arguments.seed,
            size=arguments.image_size,
            slices=(arguments.tumour_slices[0], arguments.tumour_slices[1]),
            healthy=arguments.healthy,
            test_fraction=arguments.test_fraction,
            workers=processors() if arguments.workers is None else arguments.workers,
            progress=progress,
        )


def _print_summary(out: str, lists: dict[str, list[str]]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from cipa.data.layout import patient_of
    from cipa.phantom import threshold_baseline

    console = Console(highlight=False)
    for split, ids in lists.items():
        patients = len({patient_of(each) for each in ids})
        count = f"{plural(len(ids), 'slice')} of {plural(patients, 'patient')}"
        console.print(f"{escape(out)}/{split}.txt: {count}")
    scored, tuned_on = (lists["test"], lists["train"]) if lists["test"] else (lists["train"], [])
    name = "test" if lists["test"] else "training"
    table = Table(title=f"Baseline to beat, {name} slices, pixels pooled", title_justify="left")
    table.add_column("rule")
    table.add_column("Dice, %", justify="right")
    scores = threshold_baseline(out, scored, tuned_on)
    for score in scores:
        table.add_row(score.rule, f"{100 * score.dice:.1f}")
    console.print(table)
    best = max(scores, key=lambda score: score.dice)
    if tuned_on and best is not scores[-1]:
        learnt = plural(len({patient_of(each) for each in tuned_on}), "patient")
        console.print(f"{best.rule} is ahead of the rule chosen on train.txt: {learnt} are few to choose on")


def _write_preview(arguments: Namespace, ids: list[str]) -> None:
    from cipa.data.layout import patient_of, slice_number
    from cipa.report.panels import save_panel

    largest: dict[str, dict[str, Any]] = {}
    for name in ids:
        patient = patient_of(name)
        if patient not in largest and len(largest) == _PREVIEWED:
            break
        row = _panel_row(arguments.out, name)
        row["title"] = f"patient {patient}, slice {slice_number(name)}"
        if patient not in largest or row["truth"].sum() > largest[patient]["truth"].sum():
            largest[patient] = row
    save_panel(arguments.preview, list(largest.values()), heading="Phantom PET-CT: drawn, of no person")
    print(f"preview: {arguments.preview}")


def _panel_row(root: str, name: str) -> dict[str, Any]:
    import numpy as np
    from PIL import Image

    from cipa.data.layout import image_path

    ct, pet, mask = (np.asarray(Image.open(image_path(root, name, kind))) for kind in ("CT", "PET", "mask"))
    truth = mask > 0
    return {"ct": ct, "pet": pet, "truth": truth, "note": f"tumour {truth.sum():,} px"}
