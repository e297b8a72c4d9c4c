"""What `cipa predict` was given, told by names and content, and the options that go with it."""

from pathlib import Path

from jsonargparse import Namespace

from cipa.cli.study_options import STUDY_OPTIONS, VOLUME_OPTIONS, check_study_options
from cipa.errors import UsageError
from cipa.io.studies import find_studies


def kind_of_input(arguments: Namespace) -> str:
    """Tell `studies` (DICOM and NIfTI), `folder` (PCLT20K layout) and `png` apart by what was given.

    Raises:
        UsageError: too much, too little, a mixture, or an option that does not go with the input.
    """
    if arguments.data and (arguments.ct or arguments.pet):
        raise UsageError(f"give a study or folder ({arguments.data}) or --ct and --pet, not both")
    files = {kind: arguments[kind] for kind in ("ct", "pet") if arguments[kind]}
    if not arguments.data and not files:
        raise UsageError(
            "nothing to segment: give a study or a folder of studies, or --ct FILE and --pet FILE"
        )
    kind = _kind_of_data(arguments.data) if arguments.data else _kind_of_files(files)
    if len(files) == 1 and arguments.inputs not in (None, *files):
        raise UsageError(f"--inputs {arguments.inputs}: only --{next(iter(files))} was given; give both")
    _check_options(kind, arguments)
    return kind


def _kind_of_data(data: str) -> str:
    return "studies" if find_studies(Path(data)) else "folder"


def _kind_of_files(files: dict[str, str]) -> str:
    """Return the kind of a CT and a PET, or of one of them, which must be NIfTI."""
    for kind, suffixes in (("png", (".png",)), ("studies", (".nii", ".nii.gz", ".nii.bz2", ".hdr", ".img"))):
        alike = all(name.lower().endswith(suffixes) for name in files.values())
        if alike and (len(files) == 2 or kind == "studies"):
            return kind
    given = " ".join(f"--{kind} {name}" for kind, name in files.items())
    raise UsageError(
        f"{given}: give two .png, or two NIfTI files (.nii, .nii.gz, .nii.bz2); one alone must be NIfTI"
    )


def _check_options(kind: str, arguments: Namespace) -> None:
    check_study_options(arguments)
    for option in VOLUME_OPTIONS:
        if kind != "studies" and arguments[option] not in (None, False):
            raise UsageError(f"{_flag(option)}: only for volumes, PNG slices are windowed and sized already")
    for option in STUDY_OPTIONS:
        if (kind != "studies" or arguments.ct or arguments.pet) and arguments[option] is not None:
            raise UsageError(f"{_flag(option)}: only for a DICOM study, other PET is in SUV already")
    if kind != "folder" and arguments.list != "all":
        raise UsageError(f"--list {arguments.list}: only for a folder in PCLT20K layout")


def _flag(option: str) -> str:
    return "--" + option.replace("_", "-")
