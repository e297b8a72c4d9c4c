"""Print what a DICOM study holds: series, the pair that would be segmented, SUV factor, every problem.

Of a folder of many studies: a row a study.
"""

import json
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from cipa.cli.parser import Parser
from cipa.cli.study_names import HIDDEN, add_keep_names, has_alias
from cipa.cli.study_options import add_study_options, check_study_options, study_options
from cipa.errors import DataError

if TYPE_CHECKING:
    from cipa.io.studies import StudyLocation


EXAMPLES = """
cipa info STUDY
cipa info STUDIES --keep-names
cipa info STUDY --json > study.json
"""


def add_arguments(parser: Parser) -> None:
    """Declare the options of `cipa info`."""
    parser.explain("STUDY", EXAMPLES)
    add = parser.add_argument_group("input").add_argument
    add(
        "study",
        metavar="STUDY",
        help="folder (any nesting) or zip of DICOM files, or a folder of these",
    )
    add_study_options(parser)
    group = parser.add_argument_group("output")
    group.add_argument("--json", action="store_true", help="print everything as JSON")
    add_keep_names(group)


def run(arguments: Namespace) -> int:
    """Run `cipa info`.

    Returns:
        0 if the study, or every one of many, can be segmented, 1 if not.
    """
    check_study_options(arguments)
    from cipa.io.dicom.summary import summarise
    from cipa.io.studies import find_studies

    root = Path(arguments.study)
    locations = [location for location in find_studies(root, arguments.keep_names) if location.pet is None]
    if len(locations) > 1:
        return _many(locations, arguments)
    facts = summarise(root, **study_options(arguments).to_dict())
    if arguments.json:
        print(json.dumps(facts, indent=2))
    else:
        from cipa.cli.study_tables import print_study

        print_study(facts)
    return 0 if facts["usable"] else DataError.exit_code


def _many(locations: "list[StudyLocation]", arguments: Namespace) -> int:
    """Print a row a study, or a list of everything as JSON."""
    from cipa.io.dicom.summary import summarise

    found = {}
    for location in locations:
        try:
            found[location.name] = summarise(
                location.ct, location.folders, **study_options(arguments).to_dict()
            )
        except DataError as error:
            found[location.name] = {
                "usable": False,
                "suv": None,
                "series": [],
                "notes": [],
                "problems": [str(error)],
            }
    if arguments.json:
        print(json.dumps([{**facts, "study": name} for name, facts in found.items()], indent=2))
    else:
        from cipa.cli.study_tables import print_studies

        print_studies(found)
        if any(map(has_alias, locations)):
            print(HIDDEN)
    return 0 if all(facts["usable"] for facts in found.values()) else DataError.exit_code
