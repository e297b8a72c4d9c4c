"""Commands on small phantoms, run in forked children, for drivers that disturb them."""

import filecmp
import gzip
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

os.environ["OMP_NUM_THREADS"] = "1"  # before PyTorch is imported: a forked child has one thread

from cipa.cli.main import main as cipa
from cipa.files import atomic_folder
from cipa.partials import PARTIAL

SAVE = "view, a save"
"""Stands in place of a command's name for what `cipa view` does when its page saves."""

OF_STUDIES = ("predict", "measure", "compare-studies", "export", "view")
"""Words of commands that take a study or trained weights, whose inputs take a minute to make."""

LOG = Path(tempfile.gettempdir()) / f"cipa-kills-{os.getpid()}.log"
"""What the latest command printed."""

NOT_EQUAL = (".dcm", ".json", ".html", ".csv.gz", "state.pt", "config.yaml", "metrics.csv")
"""Files that name a time, a path or a fresh UID; they are looked at by their length alone."""

FEW = ("--patients", 2, "--image-size", 128, "--tumour-slices", 4, 6)

THRESHOLD = ("--suv-max", 20, "--pet-threshold")

IMPORTED = (
    *("cli.parser", "inference.predictor", "inference.batch", "io.dicom.seg", "report.study"),
    *("report.evaluation", "report.comparison", "training.run", "data.convert", "phantom.study"),
    *("phantom.write", "ops.scan.cpu.launch"),
)
"""Modules that bring the heavy libraries."""

RECIPE = (
    *("--model", "nano", "--image-size", 128, "--batch-size", 4, "--device", "cpu", "--workers", 0),
    *("--save-every-minutes", 0, "--validation", "test"),
)


@dataclass(frozen=True)
class Case:
    """A command and the part of it that is its output.

    Attributes:
        words: of the command line, for an output of the given path.
        may_be_partial: whether the output is a folder that fills file by file, each whole.
        made: what it makes, given the output's path.
    """

    words: Callable[[Path], list[object]]
    may_be_partial: bool = False
    made: Callable[[Path], Path] = lambda out: out


def make_cases(data: Path) -> dict[str, Case]:
    """Return the commands, for inputs below `data` that `make_inputs` wrote."""
    study, many = data / "dicom/studies/0001", data / "dicom/studies"
    volumes = ("--ct", "*/ct.nii.gz", "--pet", "*/suv.nii.gz", "--mask", "*/mask.nii.gz", "--image-size", 128)
    threshold = ("evaluate", data / "slices", *THRESHOLD, "2.5")
    results = (data / "result", data / "result", "--studies", study, study)
    common = ("--device", "cpu", "--weights", data / "run/last")
    return {
        "phantom": Case(lambda out: ["phantom", "-o", out, *FEW, "--workers", 1]),
        "phantom, 2 workers": Case(lambda out: ["phantom", "-o", out, *FEW, "--workers", 2]),
        "phantom --dicom": Case(
            lambda out: [
                "phantom",
                "-o",
                out,
                "--dicom",
                "--patients",
                1,
                "--image-size",
                128,
                "--workers",
                1,
            ]
        ),
        "convert": Case(lambda out: ["convert", data / "nifti", *volumes, "-o", out, "--workers", 1]),
        "convert --back": Case(
            lambda out: [
                "convert",
                "--back",
                data / "masks",
                "--data",
                data / "converted",
                "-o",
                out,
                "--workers",
                1,
            ]
        ),
        "evaluate": Case(lambda out: [*threshold, "-o", out, "--overwrite"]),
        "compare": Case(lambda out: ["compare", data / "one", data / "two", "-o", out, "--overwrite"]),
        "predict, one study": Case(lambda out: ["predict", study, "-o", out, "--overwrite", *common]),
        "predict, many studies": Case(lambda out: ["predict", many, "-o", out, *common], may_be_partial=True),
        "predict, a mask alone": Case(
            lambda out: ["predict", study, "-o", out / "mask.nii.gz", "--probability", *common], True
        ),
        "predict, slices": Case(
            lambda out: ["predict", data / "slices", "-o", out, *common], may_be_partial=True
        ),
        "measure": Case(
            lambda out: ["measure", data / "result/mask.nii.gz", study, "-o", out, "--overwrite"],
        ),
        "compare-studies": Case(lambda out: ["compare-studies", *results, "-o", out, "--overwrite"]),
        "export": Case(
            lambda out: ["export", data / "run/last", "-o", out / "cipa.pt2", "--overwrite"],
            may_be_partial=True,
        ),
        SAVE: Case(lambda out: [SAVE, data / "result", study, out], made=_newest_revision),
    }


def save_in_view(result: Path, study: Path, out: Path) -> int:
    """Correct a copy of a result as the page of `cipa view` does, unless that is done already.

    Args:
        result: folder of `cipa predict`.
        study: what it was made of.
        out: the copy.

    Returns:
        An exit code.
    """
    from cipa.inference.revisions import list_revisions
    from cipa.view.studies import StudyFinder
    from cipa.view.workbench import Change, Workbench

    if not out.exists():
        with atomic_folder(out) as folder:
            shutil.copytree(result, folder, dirs_exist_ok=True)
    if not list_revisions(out):
        bench = Workbench(out, StudyFinder(study))
        (place,) = bench.catalogue.places()
        labels = bench.labels(place, "network", False).array
        labels[labels.shape[0] // 2] = 0  # a stroke of the eraser
        bench.save(place.key, Change(gzip.compress(labels.tobytes()), 0, "tab"))
    return 0


def _save(paths: list[str]) -> int:
    """Save as a command would: an error is one line and a code."""
    try:
        return save_in_view(*map(Path, paths))
    except Exception as error:
        print(error, file=sys.stderr)
        return 1


def _newest_revision(result: Path) -> Path:
    """Return the folder of a result's newest revision, one that is not there where it has none."""
    from cipa.inference.revisions import REVISIONS, list_revisions

    revisions = list_revisions(result)
    return revisions[-1].folder if revisions else result / REVISIONS / "none"


def make_inputs(data: Path, small: bool = False) -> None:
    """Write phantoms in every form that the commands take."""
    import nibabel
    import numpy as np

    for module in IMPORTED:
        import_module(f"cipa.{module}")

    def do(*words: object) -> None:
        if run_in_child(list(words)) != 0:
            raise RuntimeError(f"{words}: failed before any kill: {LOG.read_text()}")

    do(
        "phantom",
        "-o",
        data / "slices",
        "--patients",
        3,
        "--image-size",
        128,
        "--tumour-slices",
        4,
        6,
        "--workers",
        1,
    )
    draw = np.random.default_rng(0)
    for name in ("a", "b", "c"):
        folder = data / "nifti" / name
        folder.mkdir(parents=True)
        mask = np.zeros((128, 128, 8), np.uint8)
        mask[40:60, 40:60, 2:6] = 1
        suv = draw.uniform(0, 2, mask.shape).astype(np.float32) + mask * np.float32(9)
        ct = (draw.uniform(-1000, 0, mask.shape) + mask * 900.0).astype(np.int16)
        for kind, array in (("ct", ct), ("suv", suv), ("mask", mask)):
            nibabel.save(nibabel.Nifti1Image(array, np.diag([4.0, 4.0, 4.0, 1.0])), folder / f"{kind}.nii.gz")
    volumes = ("--ct", "*/ct.nii.gz", "--pet", "*/suv.nii.gz", "--mask", "*/mask.nii.gz", "--image-size", 128)
    do("convert", data / "nifti", *volumes, "-o", data / "converted", "--workers", 1)
    for patient in (data / "converted").glob("[abc]"):
        (data / "masks" / patient.name).mkdir(parents=True)
        for mask in patient.glob("*_mask.png"):
            shutil.copy(mask, data / "masks" / patient.name / mask.name)
    for name, threshold in (("one", "2.5"), ("two", "4.0")):
        do("evaluate", data / "slices", *THRESHOLD, threshold, "-o", data / name)
    if small:
        return
    do("train", data / "slices", "-o", data / "run", *RECIPE, "--epochs", 1)
    do("phantom", "-o", data / "dicom", "--dicom", "--patients", 2, "--image-size", 128, "--workers", 1)
    for kind in (data / "dicom/studies").glob("*/*"):
        files = sorted(kind.iterdir())
        for file in [*files[:16], *files[22:]]:
            file.unlink()
    study = data / "dicom/studies/0001"
    do("predict", study, "-o", data / "result", "--device", "cpu", "--weights", data / "run/last")


def run_warming(words: list[object]) -> int:
    """Run a command in a forked child, then import here what it imported: later children need not.

    Returns:
        Its exit code.
    """
    with tempfile.NamedTemporaryFile("r", suffix=".txt") as modules:
        code = run_in_child(words, modules=Path(modules.name))
        for name in modules.read().split():
            with suppress(Exception):  # some modules are only made while others are imported
                import_module(name)
    return code


def run_in_child(
    words: list[object],
    kill_after: float | None = None,
    file_size: int | None = None,
    modules: Path | None = None,
) -> int:
    """Run a command in a forked child.

    Args:
        words: of the command line.
        kill_after: seconds, after which it is killed.
        file_size: bytes that it may write to one file.
        modules: file for the names of all modules that are imported at its end.

    Returns:
        Its exit code, -9 where it was killed.
    """
    child = os.fork()
    if child == 0:
        log = os.open(LOG, os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
        for stream in (1, 2):
            os.dup2(log, stream)
        if file_size is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, file_size))
        given = list(map(str, words))
        code = _save(given[1:]) if given[0] == SAVE else cipa(given)
        sys.stdout.flush()
        if modules is not None:
            modules.write_text("\n".join(sorted(set(sys.modules) - {"__main__"})))
        os._exit(code)
    if kill_after is not None:
        until = time.monotonic() + kill_after
        while time.monotonic() < until:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.002)
        os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def files_of(out: Path) -> dict[str, Path]:
    """Return the finished files below a folder by their relative names."""
    return {
        str(file.relative_to(out)): file
        for file in out.rglob("*")
        if file.is_file() and PARTIAL not in str(file.relative_to(out))
    }


def partials_of(root: Path) -> list[Path]:
    """Return what is unfinished below a folder, the outermost of each."""
    return [path for path in root.rglob(PARTIAL + "*") if PARTIAL not in str(path.parent.relative_to(root))]


def differences(out: Path, reference: Path, whole: bool) -> list[str]:
    """Return files that are not the reference's; those that lack count where the output must be whole."""
    found, wanted = files_of(out), files_of(reference)
    wrong = sorted(found.keys() - wanted.keys())
    if whole:
        wrong += sorted(wanted.keys() - found.keys())
    for name in found.keys() & wanted.keys():
        if name.endswith(NOT_EQUAL):
            is_same = abs(found[name].stat().st_size - wanted[name].stat().st_size) < 200
        else:
            is_same = filecmp.cmp(found[name], wanted[name], shallow=False)
        if not is_same:
            wrong.append(name)
    return wrong
