"""What `cipa predict` was given: looked at once, by names and content, before anything else is done."""

from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from cipa.cli.volume_options import check_options, refuse_of_many
from cipa.errors import DataError, UsageError

if TYPE_CHECKING:
    from cipa.io.studies import StudyLocation

PNG, NIFTI = (".png",), (".nii", ".nii.gz", ".nii.bz2", ".hdr", ".img")


@dataclass(frozen=True)
class PredictInput:
    """What is to be segmented.

    Attributes:
        kind: `studies` (DICOM and NIfTI), `folder` (slices in PCLT20K layout) or `png` (one pair).
        studies: where the studies are; none of other kinds.
        is_single: whether one study was given, and not a folder of studies that happens to hold one.
    """

    kind: Literal["studies", "folder", "png"]
    studies: "tuple[StudyLocation, ...]" = ()
    is_single: bool = False


def find_input(arguments: Namespace) -> PredictInput:
    """Look at what was given.

    Raises:
        UsageError: too much, too little, a mixture, or an option that does not go with the input.
        DataError: there is nothing at the path given.
    """
    if arguments.data and (arguments.ct or arguments.pet):
        raise UsageError(f"give a study or folder ({arguments.data}) or --ct and --pet, not both")
    files = {kind: name for kind in ("ct", "pet") if (name := getattr(arguments, kind))}
    if not arguments.data and not files:
        raise UsageError(
            "nothing to segment: give a study or a folder of studies, or --ct FILE and --pet FILE"
        )
    found = _in_folder(Path(arguments.data), arguments.keep_names) if arguments.data else _of_files(files)
    if len(files) == 1 and arguments.inputs not in (None, *files):
        raise UsageError(f"--inputs {arguments.inputs}: only --{next(iter(files))} was given; give both")
    check_options(found.kind, arguments)
    if len(found.studies) > 1:
        refuse_of_many(arguments, len(found.studies))
    if found.kind == "folder" and not Path(arguments.data).exists():
        raise DataError(
            f"{arguments.data}: no such file or folder; give a study, or a folder of studies or slices"
        )
    return found


def _in_folder(root: Path, keep_names: bool) -> PredictInput:
    from cipa.io.studies import find_studies

    studies = tuple(find_studies(root, keep_names))
    if not studies:
        return PredictInput("folder")
    return PredictInput("studies", studies, len(studies) == 1 and _is_whole(root, studies[0]))


def _is_whole(root: Path, study: "StudyLocation") -> bool:
    """Tell whether the only study found is what was given, and not one in a folder that may hold more."""
    return study.ct == root or (study.pet is not None and study.ct.parent == root)


def _of_files(files: dict[str, str]) -> PredictInput:
    """Take a CT and a PET, or one of them, which must be NIfTI."""
    if all(name.lower().endswith(PNG) for name in files.values()) and len(files) == 2:
        return PredictInput("png")
    if not all(name.lower().endswith(NIFTI) for name in files.values()):
        given = " ".join(f"--{kind} {name}" for kind, name in files.items())
        raise UsageError(
            f"{given}: give two .png, or two NIfTI files (.nii, .nii.gz, .nii.bz2); one alone must be NIfTI"
        )
    from cipa.inference.inputs import name_of
    from cipa.io.studies import nifti_location, single_file_location

    (kind, first), *others = files.items()
    if others:
        study = nifti_location(name_of(first), Path(first), Path(others[0][1]))
    else:
        study = single_file_location(name_of(first), Path(first), kind)
    return PredictInput("studies", (study,), True)
