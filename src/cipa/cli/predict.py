"""Segment what has no mask: DICOM or NIfTI studies, one or a folder of many, or slices in PNG.

STUDY is a DICOM folder or zip (CT and PET mixed, any nesting), a folder with a pair of NIfTI files, or a
folder of many of these. --ct or --pet alone (NIfTI) does for weights that learnt to do without the other. OUT
becomes a study's folder (mask, DICOM SEG, lesions, report), or a folder of such folders. On several GPUs or
hosts: torchrun --nproc-per-node 4 -m cipa predict STUDIES -o OUT. Studies that are finished are skipped when
the same command runs again.
"""

import time
from pathlib import Path
from typing import TYPE_CHECKING

from jsonargparse import ArgumentParser, Namespace

from cipa.cli.inputs_option import add_inputs, warn_of_inputs
from cipa.cli.predict_input import kind_of_input
from cipa.cli.study_options import add_study_options

if TYPE_CHECKING:
    from cipa.inference.files import Summary
    from cipa.inference.predictor import Predictor


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the options of `cipa predict`."""
    add = parser.add_argument
    add("data", nargs="?", metavar="STUDY", help="study, folder of studies, or folder in PCLT20K layout")
    add("--ct", metavar="FILE", help="CT: 8-bit PNG, or NIfTI in HU (.nii, .nii.gz, .nii.bz2)")
    add("--pet", metavar="FILE", help="PET: 8-bit PNG, or NIfTI in SUV, on any grid of the CT's world")
    add("-o", "--out", required=True, metavar="OUT", help="folder, or one mask's name (.nii.gz, .nii, .png)")
    add(
        "--weights",
        action="append",
        metavar="PATH",
        help="a folder of this project or CIPA.pth; again for an ensemble (the weights in the package)",
    )
    add_inputs(parser)
    add("--threshold", type=float, help="probability from which a pixel is tumour (stored with the weights)")
    add("--tta", choices=["none", "flips"], default="none", help="mean over four flips, four times as long")
    add("--device", default="auto", metavar="NAME", help="auto, cpu, cuda, cuda:N or mps")
    add("--batch-size", type=int, default=4, help="slice pairs a forward pass")
    add("--precision", default="float32", choices=["float32", "bf16", "fp16"], help="of the forward pass")
    add("--list", default="all", choices=["all", "train", "test"], help="PCLT20K: slices to segment")
    add("--probability", action="store_true", help="one mask, or PNG: write the probability map too")
    _add_study_arguments(parser)


def _add_study_arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    add("--overwrite", action="store_true", help="studies: do again and replace what is finished")
    add("--keep-names", action="store_true", help="studies: keep folder names that hold the patient's name")
    add("--no-report", action="store_true", help="studies: write no report.html and pictures")
    add("--fit", choices=["auto", "pad", "resample"], help="studies: slices of other sizes (auto)")
    add("--field-of-view", type=float, metavar="MM", help="studies: what the network's image spans (500)")
    window = "studies: HU that become black and white (stored with the weights)"
    add("--ct-window", type=float, nargs=2, metavar=("LOW", "HIGH"), help=window)
    add(
        "--suv-max",
        type=float,
        metavar="SUV",
        help="studies: SUV that becomes white (stored with the weights)",
    )
    least = "studies: SUVmax below which a lesion is left out as without uptake (stored with the weights)"
    add("--min-suv", type=float, metavar="SUV", help=least)
    add("--keep-all", action="store_true", help="studies: keep marks outside the body and without uptake")
    add("--labels", action="store_true", help="studies: write lesions.nii.gz, the number of each lesion")
    add_study_options(parser)


def run(arguments: Namespace) -> int:
    """Run `cipa predict`.

    Returns:
        0; 1 if a study among many failed; whatever else is wrong is raised as a `CipaError`.
    """
    kind = kind_of_input(arguments)
    if kind == "studies":
        from cipa.cli.predict_studies import predict_studies

        return predict_studies(arguments)
    began = time.monotonic()
    predictor = make_predictor(arguments, arguments.device)
    summary = {"folder": _folder, "png": _png}[kind](predictor, arguments)
    slices = "1 slice" if summary.slices == 1 else f"{summary.slices} slices"
    seconds = time.monotonic() - began
    print(f"{slices} on {predictor.device} in {seconds:.1f} s, threshold {predictor.threshold:g}")
    print(f"tumour: {summary.pixels} pixels in {summary.slices_with_tumour} of {slices}")
    print(f"written: {summary.out}")
    print("Research software, not a medical device.")
    return 0


def make_predictor(arguments: Namespace, device: str) -> "Predictor":
    """Load the weights asked for.

    Raises:
        DataError, UsageError: as `Predictor`.
    """
    from cipa.inference.predictor import Predictor

    predictor = Predictor(
        arguments.weights,
        device=device,
        batch_size=arguments.batch_size,
        threshold=arguments.threshold,
        precision=arguments.precision,
        tta=None if arguments.tta == "none" else arguments.tta,
        inputs=arguments.inputs,
    )
    warn_of_inputs(predictor.models, arguments.inputs)
    return predictor


def _folder(predictor: "Predictor", arguments: Namespace) -> "Summary":
    from cipa.data.layout import images_on_disk, read_ids
    from cipa.errors import DataError
    from cipa.inference.files import predict_folder
    from cipa.progress import slice_bar

    root = Path(arguments.data)
    if arguments.list == "all":
        ids = [slice_id for slice_id, images in images_on_disk(root).items() if images & {"CT", "PET"}]
    else:
        ids = read_ids(root, arguments.list)
    if not ids:
        raise DataError(
            f"{root}: no studies and no slices; give DICOM, pairs of NIfTI (ct.nii.gz beside pet.nii.gz) or "
            "files named PATIENT/PATIENT_SLICE_CT.png and _PET.png"
        )
    with slice_bar() as progress:
        return predict_folder(predictor, root, ids, Path(arguments.out), arguments.probability, progress)


def _png(predictor: "Predictor", arguments: Namespace) -> "Summary":
    from cipa.inference.files import predict_png

    ct, pet, out = (Path(arguments[name]) for name in ("ct", "pet", "out"))
    return predict_png(predictor, ct, pet, out, arguments.probability)
