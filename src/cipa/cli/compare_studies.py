"""Compare two studies of one patient: lesions matched, what changed, PERCIST 1.0, one report.

BEFORE and AFTER are folders of `cipa predict` or `cipa measure`, with --studies, as they hold no images; or
two studies, with --masks. CTs are aligned rigidly (SimpleITK, `pip install 'cipa[compare]'`) unless both lie
in one frame of reference. Numbers of lesions are those of each study's own result. PERCIST needs the liver's
uptake, or the blood pool's where the liver is diseased; without it no category is stated.
"""

from argparse import Namespace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from cipa.cli.parser import Parser
from cipa.cli.study_options import REGION
from cipa.cli.terminal import warn
from cipa.errors import UsageError
from cipa.files import refuse_occupied

if TYPE_CHECKING:
    from cipa.inference.followup.time_point import Source

EXAMPLES = """
cipa compare-studies RESULT_1 RESULT_2 --studies STUDY_1 STUDY_2 -o OUT
cipa compare-studies STUDY_1 STUDY_2 --masks mask_1.nii.gz seg_2.dcm -o OUT
cipa compare-studies A B --studies SA SB --before-liver-mm -70 5 -110 --after-liver-mm -72 9 -95 -o OUT
"""

REGIONS = {"liver": "3 cm sphere in healthy liver", "blood-pool": "1 x 2 cm cylinder in the descending aorta"}
"""What PERCIST compares with, by the name in options."""


def add_arguments(parser: Parser) -> None:
    """Declare the options of `cipa compare-studies`."""
    parser.explain("BEFORE AFTER -o OUT", EXAMPLES)
    add = parser.add_argument_group("input").add_argument
    add("before", metavar="BEFORE", help="result of the first examination, or its study")
    add("after", metavar="AFTER", help="the same of the second")
    add("--studies", nargs=2, metavar=("STUDY", "STUDY"), help="the studies that the results were made of")
    add("--masks", nargs=2, metavar=("MASK", "MASK"), help="tumour in the studies: NIfTI, SEG or RTSTRUCT")
    add("--region", **REGION)
    for name, (region, what) in product(("before", "after"), REGIONS.items()):
        add(
            f"--{name}-{region}-mm",
            nargs=3,
            type=float,
            metavar=("X", "Y", "Z"),
            help=f"centre of a {what} of {name.upper()}, LPS",
        )
    add = parser.add_argument_group("comparison").add_argument
    add("--align", choices=("auto", "none"), default="auto", help="none: take both studies as they lie")
    add(
        "--nearest-mm",
        type=float,
        metavar="MM",
        help="farthest that lesions without overlap may lie apart and be one (default: 15)",
    )
    add("--allow-other-patient", action="store_true", help="compare though the headers name two patients")
    add = parser.add_argument_group("output").add_argument
    add("-o", "--out", required=True, metavar="OUT", help="folder to make: report, JSON, CSV, pictures")
    add("--overwrite", action="store_true", help="replace an earlier comparison at OUT")


def run(arguments: Namespace) -> int:
    """Run `cipa compare-studies`.

    Raises:
        DataError: a study or mask cannot be used, patients differ, or the CTs do not fit each other.
        UsageError: options that do not go together, OUT is taken, or SimpleITK is not installed.
    """
    if arguments.nearest_mm is not None and not arguments.nearest_mm >= 0:
        raise UsageError(f"--nearest-mm {arguments.nearest_mm:g}: give millimetres, 0 or more")
    if arguments.studies and arguments.masks:
        raise UsageError("--studies goes with results and --masks with studies: give one of them")
    from cipa.inference.followup.comparison import compare_studies
    from cipa.inference.followup.matching import NEAREST_MM
    from cipa.inference.followup.time_point import read_time_point
    from cipa.inference.save import DISCLAIMER
    from cipa.report.followup import is_followup, summary_lines, write_followup

    out = Path(arguments.out)
    refuse_occupied(out, "a comparison of studies", is_followup, arguments.overwrite)
    before, after = (read_time_point(_source(arguments, index)) for index in range(2))
    found = compare_studies(
        before,
        after,
        nearest_mm=NEAREST_MM if arguments.nearest_mm is None else arguments.nearest_mm,
        is_aligned=arguments.align == "none",
        allow_other_patient=arguments.allow_other_patient,
    )
    write_followup(out, found)
    for line in found.warnings:
        warn(line)
    for line in summary_lines(found):
        print(line)
    print(f"written: {out}")
    print(DISCLAIMER)
    return 0


def _source(arguments: Namespace, index: int) -> "Source":
    from cipa.inference.followup.time_point import Source

    side = ("before", "after")[index]
    names = [f"{region.replace('-', '_')}_mm" for region in REGIONS]
    given = {name: getattr(arguments, f"{side}_{name}") for name in names}
    return Source(
        place=Path((arguments.before, arguments.after)[index]),
        study=Path(arguments.studies[index]) if arguments.studies else None,
        mask=Path(arguments.masks[index]) if arguments.masks else None,
        regions=tuple(arguments.region),
        **{name: tuple(place) for name, place in given.items() if place},
    )
