"""Segment what has no mask: a folder of slices, a pair of PNG slices or a pair of NIfTI volumes."""

import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from jsonargparse import ArgumentParser, Namespace

from cipa.errors import UsageError

if TYPE_CHECKING:
    from cipa.inference.files import Summary
    from cipa.inference.predictor import Predictor
    from cipa.inference.volume import Progress

VOLUME_OPTIONS = ("fit", "field_of_view", "ct_window", "suv_max")
"""Options that mean something for volumes alone: PNG slices are windowed and sized already."""


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options of `cipa predict`."""
    add = parser.add_argument
    add("data", nargs="?", help="folder in PCLT20K layout; its masks are not needed")
    add("--ct", metavar="FILE", help="CT: 8-bit PNG, or NIfTI in HU (.nii, .nii.gz, .nii.bz2)")
    add("--pet", metavar="FILE", help="PET: 8-bit PNG, or NIfTI in SUV, on any grid of the CT's world")
    add("-o", "--out", required=True, metavar="OUT", help="mask file (.nii.gz, .nii, .png) or folder")
    add("--weights", required=True, metavar="PATH", help="weights: a folder of this project or CIPA.pth")
    add("--list", default="all", choices=["all", "train", "test"], help="slices of the folder to segment")
    add("--probability", action="store_true", help="write the probability map too, beside the mask")
    add("--threshold", type=float, help="probability from which a pixel is tumour (stored with the weights)")
    add("--device", default="auto", metavar="NAME", help="auto, cpu, cuda, cuda:N or mps")
    add("--batch-size", type=int, default=4, help="slice pairs a forward pass")
    add("--precision", default="float32", choices=["float32", "bf16", "fp16"], help="of the forward pass")
    add("--fit", choices=["auto", "pad", "resample"], help="volumes: slices of other sizes (auto)")
    add(
        "--field-of-view",
        type=float,
        metavar="MM",
        help="volumes: millimetres that the network's image spans (500)",
    )
    add(
        "--ct-window",
        type=float,
        nargs=2,
        metavar=("LOW", "HIGH"),
        help="volumes: HU that become black and white (stored with the weights)",
    )
    add(
        "--suv-max",
        type=float,
        metavar="SUV",
        help="volumes: SUV that becomes white (stored with the weights)",
    )


def run(arguments: Namespace) -> int:
    """Run `cipa predict`.

    Returns:
        0; whatever is wrong is raised as a `CipaError`.
    """
    kind = kind_of_input(arguments)
    from cipa import load_model
    from cipa.inference.predictor import Predictor

    predictor = Predictor(
        load_model(arguments.weights),
        device=arguments.device,
        batch_size=arguments.batch_size,
        threshold=arguments.threshold,
        precision=arguments.precision,
    )
    began = time.monotonic()
    with _volume_warnings(), _progress() as progress:
        summary = {"folder": _folder, "png": _png, "nifti": _nifti}[kind](predictor, arguments, progress)
    _report(summary, predictor, time.monotonic() - began)
    return 0


def kind_of_input(arguments: Namespace) -> str:
    """Tell `folder`, `png` and `nifti` apart by what was given.

    Raises:
        UsageError: too much, too little, a mixture, or an option that does not go with the input.
    """
    if arguments.data and (arguments.ct or arguments.pet):
        raise UsageError(f"give a folder ({arguments.data}) or --ct and --pet, not both")
    if not arguments.data and not (arguments.ct and arguments.pet):
        raise UsageError("nothing to segment: give a folder in PCLT20K layout, or --ct FILE and --pet FILE")
    kind = "folder" if arguments.data else _kind_of_pair(arguments.ct, arguments.pet)
    for option in VOLUME_OPTIONS:
        if kind != "nifti" and arguments[option] is not None:
            flag = option.replace("_", "-")
            raise UsageError(f"--{flag}: only for NIfTI volumes, PNG slices are windowed and sized already")
    if kind != "folder" and arguments.list != "all":
        raise UsageError(f"--list {arguments.list}: only for a folder in PCLT20K layout")
    return kind


def _kind_of_pair(ct: str, pet: str) -> str:
    for kind, suffixes in (("png", (".png",)), ("nifti", (".nii", ".nii.gz", ".nii.bz2", ".hdr", ".img"))):
        if all(name.lower().endswith(suffixes) for name in (ct, pet)):
            return kind
    raise UsageError(f"--ct {ct} --pet {pet}: give two .png, or two NIfTI files (.nii, .nii.gz, .nii.bz2)")


def _folder(predictor: "Predictor", arguments: Namespace, progress: "Progress") -> "Summary":
    from cipa.data.layout import images_on_disk, read_ids
    from cipa.errors import DataError
    from cipa.inference.files import predict_folder

    root = Path(arguments.data)
    if arguments.list == "all":
        ids = [slice_id for slice_id, images in images_on_disk(root).items() if images & {"CT", "PET"}]
    else:
        ids = read_ids(root, arguments.list)
    if not ids:
        raise DataError(f"{root}: no slices; files are named PATIENT/PATIENT_SLICE_CT.png and _PET.png")
    return predict_folder(predictor, root, ids, Path(arguments.out), arguments.probability, progress)


def _png(predictor: "Predictor", arguments: Namespace, progress: "Progress") -> "Summary":
    from cipa.inference.files import predict_png

    return predict_png(
        predictor, Path(arguments.ct), Path(arguments.pet), Path(arguments.out), arguments.probability
    )


def _nifti(predictor: "Predictor", arguments: Namespace, progress: "Progress") -> "Summary":
    from cipa.inference.files import predict_nifti

    options = {name: arguments[name] for name in VOLUME_OPTIONS if arguments[name] is not None}
    return predict_nifti(
        predictor,
        Path(arguments.ct),
        Path(arguments.pet),
        Path(arguments.out),
        arguments.probability,
        progress=progress,
        **options,
    )


def _report(summary: "Summary", predictor: "Predictor", seconds: float) -> None:
    size = "" if summary.millilitres is None else f", {summary.millilitres:.2f} mL"
    slices = "1 slice" if summary.slices == 1 else f"{summary.slices} slices"
    print(f"{slices} on {predictor.device} in {seconds:.1f} s, threshold {predictor.threshold:g}")
    unit = "pixels" if summary.millilitres is None else "voxels"
    print(f"tumour: {summary.pixels} {unit} in {summary.slices_with_tumour} of {slices}{size}")
    print(f"written: {summary.out}")
    print("Research software, not a medical device.")


@contextmanager
def _progress() -> Iterator["Progress"]:
    """Show a bar on standard error where that is a terminal, nothing elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("segmenting"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("slices", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def _volume_warnings() -> Iterator[None]:
    """Print each `VolumeWarning` as one line, without the source line Python adds."""
    from cipa.io.checks import VolumeWarning

    with warnings.catch_warnings():
        warnings.simplefilter("always", VolumeWarning)
        show = warnings.showwarning

        def one_line(
            message: Warning | str,
            category: type[Warning],
            filename: str,
            lineno: int,
            file: TextIO | None = None,
            line: str | None = None,
        ) -> None:
            if issubclass(category, VolumeWarning):
                print(f"cipa: warning: {message}", file=sys.stderr)
            else:
                show(message, category, filename, lineno, file, line)

        warnings.showwarning = one_line
        yield
