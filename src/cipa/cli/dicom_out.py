"""`--dicom-out`: which DICOM objects are written of a study that came from DICOM."""

from argparse import Namespace, _ArgumentGroup
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cipa.cli.terminal import warn
from cipa.errors import UsageError

if TYPE_CHECKING:
    from cipa.io.studies import StudyLocation

KINDS = ("seg", "sr", "rtstruct", "sc", "pdf")

DEFAULT, NONE = "seg,sr", "none"


def add_dicom_out(group: _ArgumentGroup) -> None:
    """Declare `--dicom-out`."""
    group.add_argument(
        "--dicom-out",
        metavar="KINDS",
        help=f"DICOM studies: objects to write, of {','.join(KINDS)}, or {NONE} (default: {DEFAULT})",
    )


def dicom_kinds(arguments: Namespace) -> tuple[str, ...]:
    """Return the kinds asked for.

    Raises:
        UsageError: one is unknown, or SR is wanted without the SEG that it refers to.
    """
    given = arguments.dicom_out or DEFAULT
    kinds = tuple(word for word in given.replace(" ", "").lower().split(",") if word)
    if kinds == (NONE,):
        return ()
    for kind in kinds:
        if kind not in KINDS:
            raise UsageError(f"--dicom-out {kind}: choose of {', '.join(KINDS)}, with commas, or {NONE}")
    if "sr" in kinds and "seg" not in kinds:
        raise UsageError("--dicom-out sr: it refers to the segments of the SEG; ask for seg,sr")
    return kinds


def picture_writers(kinds: Sequence[str]) -> tuple[Any, ...]:
    """Return what writes the kinds that are made of the report's pictures."""
    if not {"sc", "pdf"} & set(kinds):
        return ()
    from cipa.report.dicom import WRITERS

    return tuple(WRITERS[kind] for kind in kinds if kind in WRITERS)


def warn_of_nifti(arguments: Namespace, studies: "Sequence[StudyLocation]") -> None:
    """Say that objects asked for cannot be made of studies that are not DICOM."""
    others = sum(not study.is_dicom for study in studies)
    if others and arguments.dicom_out not in (None, NONE):
        what = "the study is" if len(studies) == 1 else f"{others} of {len(studies)} studies are"
        warn(f"--dicom-out {arguments.dicom_out}: {what} NIfTI, of which no DICOM object is made")
