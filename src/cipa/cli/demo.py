"""The whole system in a minute, offline, on a CPU: a phantom's DICOM study, segmented, measured and scored.

Draws one phantom patient as two DICOM series, takes them through all that `cipa predict` does with the
weights that come with the package, and compares with the tumours that were drawn. `--train` shows training
instead. The scores say nothing about real patients.
"""

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cipa.cli.demo_training import SUMMARY, run_training
from cipa.cli.network_options import DEVICES
from cipa.cli.out_folder import add_out_folder, settle_out_folder
from cipa.cli.parser import Parser
from cipa.files import refuse_occupied

if TYPE_CHECKING:
    import numpy as np

    from cipa.evaluation.volume_scores import VolumeScores
    from cipa.inference.result import Prediction

SIZE, INDEX, EPOCHS = 512, 1, 8
BASELINE_SUV = 2.5
PANELS = 3


EXAMPLES = """
cipa demo
cipa demo --train -o trained
"""


def add_arguments(parser: Parser) -> None:
    """Declare what `cipa demo` takes: nothing is needed."""
    parser.explain("", EXAMPLES)
    add = parser.add_argument_group("what is shown").add_argument
    add("--train", action="store_true", help="train a small network on phantoms instead, which takes minutes")
    add(
        "--epochs",
        type=int,
        default=EPOCHS,
        metavar="N",
        help="with --train: passes over the training slices",
    )
    add("--seed", type=int, default=0, metavar="N", help="of the phantoms and of the training")
    add("--device", default="auto", metavar="NAME", help=f"{DEVICES}; --train uses the CPU")
    add = parser.add_argument_group("output").add_argument
    add_out_folder(add, "folder to write; an earlier demo there is replaced (cipa-demo)")


def run(arguments: Namespace) -> int:
    """Draw a study, segment it, score it, and show where to look.

    Returns:
        0.

    Raises:
        UsageError: OUT holds something that is no earlier demo, or an option is out of range.
    """
    out = Path(settle_out_folder(arguments, default="cipa-demo"))
    refuse_occupied(out, "a demo", lambda there: (there / SUMMARY).is_file(), overwrite=True)
    if arguments.train:
        run_training(arguments, out)
    else:
        _run_study(arguments, out)
    return 0


def _run_study(arguments: Namespace, out: Path) -> None:
    import json
    import time

    from rich.console import Console

    from cipa.files import atomic_folder

    console = Console(highlight=False, soft_wrap=True)
    began = time.monotonic()
    with atomic_folder(out) as folder:
        console.print("[bold]1/3[/] drawing a phantom patient as a DICOM study, CT and PET")
        truth = _draw(folder, arguments.seed)
        console.print("[bold]2/3[/] segmenting it with the weights that come with the package")
        prediction = _predict(folder, arguments.device)
        console.print("[bold]3/3[/] writing the result, and comparing it with what was drawn")
        _save(folder, prediction, truth)
        scores = _score(prediction, truth)
        seconds = time.monotonic() - began
        summary = {
            "seed": arguments.seed,
            "seconds": round(seconds, 1),
            "scores": {name: _plain(one) for name, one in scores.items()},
            "result": prediction.to_dict(),
        }
        (folder / SUMMARY).write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    _conclude(console, out, scores, seconds)


def _draw(folder: Path, seed: int) -> "np.ndarray":
    """Write the study and its truth; return the truth as axial slices from feet to head, uint8 (S, H, W)."""
    from cipa.io.nifti import read_volume
    from cipa.io.orientation import axial_stack
    from cipa.phantom.study import write_phantom_studies

    write_phantom_studies(folder / "drawn", 1, seed=seed, first=INDEX, size=SIZE)
    name = f"{INDEX + 1:04d}"
    (folder / "drawn" / "studies" / name).replace(folder / "study")
    (folder / "drawn" / "truth" / f"{name}.nii.gz").replace(folder / "truth.nii.gz")
    for empty in ("studies", "truth", ""):
        (folder / "drawn" / empty).rmdir()
    truth = read_volume(folder / "truth.nii.gz")
    return axial_stack(truth.array, truth.affine)[0]


def _predict(folder: Path, device: str) -> "Prediction":
    from cipa import Predictor

    return Predictor(device=device).predict(folder / "study", name="phantom study")


def _save(folder: Path, prediction: "Prediction", truth: "np.ndarray") -> None:
    import numpy as np

    from cipa.data.intensity import window_ct, window_pet
    from cipa.report.panels import save_panel
    from cipa.report.study import write_study_report

    prediction.save(folder / "result", also=[write_study_report])
    mask, ct, pet = map(prediction.axial, (prediction.mask, prediction.ct.array, prediction.pet_on_ct))
    shown = truth if truth.any() else mask
    rows = [
        {
            "title": f"axial slice {index}",
            "ct": window_ct(ct[index]),
            "pet": window_pet(pet[index]),
            "truth": truth[index],
            "prediction": mask[index],
        }
        for index in _spread(np.flatnonzero(shown.any(axis=(1, 2))))
    ]
    save_panel(folder / "compared.png", rows, heading="Phantom, drawn and predicted tumour")


def _spread(places: "np.ndarray") -> list[int]:
    """Return up to `PANELS` of the slices, evenly from first to last; the first of all if there is none."""
    import numpy as np

    if not len(places):
        return [0]
    cuts = np.linspace(0, len(places) - 1, PANELS + 2)[1:-1]
    return sorted({int(places[round(cut)]) for cut in cuts})


def _score(prediction: "Prediction", truth: "np.ndarray") -> "dict[str, VolumeScores]":
    from cipa.evaluation.volume_scores import score_volume
    from cipa.io.orientation import spacing

    edges = spacing(prediction.axial_affine)
    mask = prediction.axial(prediction.mask)
    threshold = prediction.axial(prediction.pet_on_ct) >= BASELINE_SUV
    return {
        "CIPA nano, weights of the package": score_volume(mask, truth, edges),
        f"PET above SUV {BASELINE_SUV:g}": score_volume(threshold, truth, edges),
    }


def _plain(scores: "VolumeScores") -> dict[str, float | int]:
    return {
        "dice": scores.dice,
        "lesion_f1": scores.lesions.f1,
        "lesions": scores.lesions.true,
        "lesions_found": scores.lesions.found,
        "lesions_false": scores.lesions.predicted - scores.lesions.right,
        "truth_ml": scores.truth_ml,
        "prediction_ml": scores.prediction_ml,
    }


def _conclude(console: Any, out: Path, scores: "dict[str, VolumeScores]", seconds: float) -> None:
    from rich.table import Table

    table = Table(title="Against the tumours that were drawn", title_justify="left")
    table.add_column("method")
    for name in ("Dice %", "lesions found", "false", "volume mL", "drawn mL"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, one in scores.items():
        row = _plain(one)
        table.add_row(
            name,
            f"{100 * row['dice']:.1f}",
            f"{row['lesions_found']} of {row['lesions']}",
            str(row["lesions_false"]),
            f"{row['prediction_ml']:.1f}",
            f"{row['truth_ml']:.1f}",
        )
    console.print(table)
    console.print(
        f"\n{seconds:.0f} seconds. Look at:\n"
        f"  {out}/result/report.html           lesions outlined, measured and pictured\n"
        f"  {out}/compared.png                 drawn and predicted tumour\n"
        f"  {out}/result/segmentation.dcm      DICOM SEG; mask.nii.gz and lesions.csv beside it\n"
        f"  {out}/study                        the DICOM study: cipa predict {out}/study -o RESULT\n"
        "A phantom only: the scores say nothing about real patients. Not a medical device.",
        markup=False,
    )
