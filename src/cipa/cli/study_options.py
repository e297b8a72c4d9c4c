"""What a user may say about a DICOM study that its headers leave open; verbs that read studies share it."""

from argparse import ArgumentParser, Namespace
from typing import TYPE_CHECKING, Any

from cipa.errors import UsageError

if TYPE_CHECKING:
    from cipa.inference.options import ReportOptions, StudyOptions

STUDY_OPTIONS = ("ct_series", "pet_series", "weight_kg", "dose_mbq", "frame", "sum_frames")
"""Names of the options, as `cipa.io.dicom.volumes.read_pet_ct` takes them."""


REGION: dict[str, Any] = {
    "nargs": "+",
    "default": [],
    "metavar": "NAME",
    "help": "segments or ROIs that are tumour, as 'GTV*' (default: the only one; all of an own object)",
}
"""How the part of a mask that is tumour is named, wherever one is read."""


def add_study_options(parser: ArgumentParser) -> None:
    """Declare what a user may say about a study that its headers do not."""
    add = parser.add_argument_group("DICOM").add_argument
    add("--ct-series", metavar="NUMBER", help="series number or UID of the CT, if several would do")
    add("--pet-series", metavar="NUMBER", help="series number or UID of the PET")
    add("--weight-kg", metavar="KG", type=float, help="the patient's weight, in place of the header's")
    add("--dose-mbq", metavar="MBQ", type=float, help="activity at injection, in place of the header's")
    add_frame_options(parser)


def add_frame_options(parser: ArgumentParser) -> None:
    """Declare how a user chooses among the time frames of a series."""
    choice = parser.add_argument_group("dynamic and gated series").add_mutually_exclusive_group()
    choice.add_argument("--frame", metavar="N", type=int, help="time frame to take; cipa info lists them")
    choice.add_argument(
        "--sum",
        dest="sum_frames",
        metavar="A-B",
        type=frame_numbers,
        help="take the mean of time frames A to B, weighted by duration",
    )


def frame_numbers(words: str) -> tuple[int, int]:
    """Read `3-8` as two numbers."""
    first, last = words.split("-")
    return int(first), int(last)


REPORT_OPTIONS = ("height_m", "sex", "liver_mm", "blood_pool_mm", "pseudonym", "show_id")
"""Names of the options, as `cipa.inference.options.ReportOptions` has them."""


def add_report_options(parser: ArgumentParser) -> None:
    """Declare what a user may say for the report."""
    add = parser.add_argument_group("report (studies only)").add_argument
    add("--height-m", metavar="M", type=float, help="the patient's height in metres, for SUL (DICOM)")
    add("--sex", choices=["M", "F", "O"], help="the patient's sex, for SUL (DICOM)")
    for option, shape, place in (
        ("--liver-mm", "3 cm sphere", "healthy liver"),
        ("--blood-pool-mm", "1 x 2 cm cylinder", "the descending aorta"),
    ):
        add(
            option,
            nargs=3,
            type=float,
            metavar=("X", "Y", "Z"),
            help=f"centre of a {shape} in {place}: mm, LPS, as centroids in the report",
        )
    add("--pseudonym", metavar="TEXT", help="what to call the patient (default: fingerprint of the study)")
    add("--show-id", action="store_true", help="show the Patient ID in report and tables (DICOM)")


def report_options(arguments: Namespace) -> "ReportOptions":
    """Return the options that `add_report_options` declared.

    Raises:
        UsageError: a value out of its range.
    """
    from cipa.inference.options import ReportOptions

    given: dict[str, Any] = {name: getattr(arguments, name, None) for name in REPORT_OPTIONS}
    given = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
    try:
        return ReportOptions(**given | {"show_id": bool(given["show_id"])})
    except UsageError as error:
        name, _, rest = str(error).partition(" ")
        raise UsageError(f"--{name.replace('_', '-')} {rest}") from None


def check_study_options(arguments: Namespace) -> None:
    """Check the options that `add_study_options` declared.

    Raises:
        UsageError: a number is not positive, or the last of the frames comes before the first.
    """
    for name in ("weight_kg", "dose_mbq"):
        value = getattr(arguments, name)
        if value is not None and not value > 0:
            raise UsageError(f"--{name.replace('_', '-')} {value:g}: give a number above 0")
    check_frame_options(arguments)


def check_frame_options(arguments: Namespace) -> None:
    """Check the options that `add_frame_options` declared.

    Raises:
        UsageError: a number is below 1, or the last of the frames comes before the first.
    """
    if arguments.frame is not None and arguments.frame < 1:
        raise UsageError(f"--frame {arguments.frame}: frames are counted from 1")
    if arguments.sum_frames is not None and not 1 <= arguments.sum_frames[0] < arguments.sum_frames[1]:
        first, last = arguments.sum_frames
        raise UsageError(f"--sum {first}-{last}: give two numbers from 1, the lower one first")


def study_options(arguments: Namespace) -> "StudyOptions":
    """Return the options that `add_study_options` declared."""
    from cipa.inference.options import StudyOptions

    return StudyOptions(**{name: getattr(arguments, name) for name in STUDY_OPTIONS})
