"""What a user may say about a DICOM study that its headers leave open; verbs that read studies share it."""

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING

from cipa.errors import UsageError

if TYPE_CHECKING:
    from cipa.inference.options import StudyOptions

STUDY_OPTIONS = ("ct_series", "pet_series", "weight_kg", "dose_mbq")
"""Names of the options, as `cipa.io.dicom.volumes.read_pet_ct` takes them."""


def add_study_options(parser: ArgumentParser) -> None:
    """Declare what a user may say about a study that its headers do not."""
    add = parser.add_argument_group("DICOM").add_argument
    add("--ct-series", metavar="NUMBER", help="series number or UID of the CT, if several would do")
    add("--pet-series", metavar="NUMBER", help="series number or UID of the PET")
    add("--weight-kg", metavar="KG", type=float, help="the patient's weight, in place of the header's")
    add("--dose-mbq", metavar="MBQ", type=float, help="activity at injection, in place of the header's")


def check_study_options(arguments: Namespace) -> None:
    """Check the options that `add_study_options` declared.

    Raises:
        UsageError: a number is not positive.
    """
    for name in ("weight_kg", "dose_mbq"):
        value = getattr(arguments, name)
        if value is not None and not value > 0:
            raise UsageError(f"--{name.replace('_', '-')} {value:g}: give a number above 0")


def study_options(arguments: Namespace) -> "StudyOptions":
    """Return the options that `add_study_options` declared."""
    from cipa.inference.options import StudyOptions

    return StudyOptions(**{name: getattr(arguments, name) for name in STUDY_OPTIONS})
