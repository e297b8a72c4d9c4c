"""What a user may say about a DICOM study that its headers leave open; verbs that read studies share it."""

from typing import TYPE_CHECKING

from jsonargparse import ArgumentParser, Namespace

from cipa.errors import UsageError

if TYPE_CHECKING:
    from cipa.inference.options import StudyOptions, VolumeOptions

VOLUME_OPTIONS = ("fit", "field_of_view", "ct_window", "suv_max", "min_suv", "keep_all")
"""Options that mean something for volumes alone: PNG slices are windowed and sized already."""

STUDY_OPTIONS = ("ct_series", "pet_series", "weight_kg", "dose_mbq")
"""Names of the options, as `cipa.io.dicom.volumes.read_pet_ct` takes them."""


def add_study_options(parser: ArgumentParser) -> None:
    """Declare what a user may say about a study that its headers do not."""
    add = parser.add_argument
    add("--ct-series", metavar="NUMBER", type=str, help="series number or UID of the CT, if several would do")
    add("--pet-series", metavar="NUMBER", type=str, help="series number or UID of the PET")
    add("--weight-kg", metavar="KG", type=float, help="the patient's weight, in place of the header's")
    add("--dose-mbq", metavar="MBQ", type=float, help="activity at injection, in place of the header's")


def check_study_options(arguments: Namespace) -> None:
    """Check the options that `add_study_options` declared.

    Raises:
        UsageError: a number is not positive.
    """
    for name in ("weight_kg", "dose_mbq"):
        if arguments[name] is not None and not arguments[name] > 0:
            raise UsageError(f"--{name.replace('_', '-')} {arguments[name]:g}: give a number above 0")


def study_options(arguments: Namespace) -> "StudyOptions":
    """Return the options that `add_study_options` declared."""
    from cipa.inference.options import StudyOptions

    return StudyOptions(**{name: arguments[name] for name in STUDY_OPTIONS})


def volume_options(arguments: Namespace) -> "VolumeOptions":
    """Return the options of `cipa predict` for volumes, those not given at their defaults."""
    from cipa.inference.options import VolumeOptions

    given = {name: arguments[name] for name in VOLUME_OPTIONS if arguments[name] is not None}
    if "ct_window" in given:
        given["ct_window"] = tuple(given["ct_window"])
    return VolumeOptions(**given)
