"""Segment what has no mask: a DICOM study, two NIfTI volumes, a folder of slices or a pair of PNG slices."""

import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from jsonargparse import ArgumentParser, Namespace

from cipa.cli.predict_input import VOLUME_OPTIONS, kind_of_input
from cipa.cli.study_options import add_study_options, study_options

if TYPE_CHECKING:
    from cipa.inference.files import Summary
    from cipa.inference.predictor import Predictor
    from cipa.inference.volume import Progress


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options of `cipa predict`."""
    add = parser.add_argument
    add("data", nargs="?", help="DICOM study (folder or zip), or folder in PCLT20K layout")
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
    add_study_options(parser)


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
        summary = READERS[kind](predictor, arguments, progress)
    _report(summary, predictor, time.monotonic() - began)
    return 0


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

    return predict_nifti(
        predictor,
        Path(arguments.ct),
        Path(arguments.pet),
        Path(arguments.out),
        arguments.probability,
        progress=progress,
        **_volume_options(arguments),
    )


def _dicom(predictor: "Predictor", arguments: Namespace, progress: "Progress") -> "Summary":
    from cipa.inference.dicom import predict_dicom

    return predict_dicom(
        predictor,
        Path(arguments.data),
        Path(arguments.out),
        arguments.probability,
        study_options(arguments),
        progress=progress,
        **_volume_options(arguments),
    )


def _volume_options(arguments: Namespace) -> dict[str, Any]:
    return {name: arguments[name] for name in VOLUME_OPTIONS if arguments[name] is not None}


READERS = {"folder": _folder, "png": _png, "nifti": _nifti, "dicom": _dicom}
"""What segments each kind of input."""


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
