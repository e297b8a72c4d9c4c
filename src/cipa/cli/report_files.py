"""`--report` and `--interactive`: what writes the files of a result that people look at."""

from argparse import Namespace, _ArgumentGroup
from typing import Any


def add_interactive(group: _ArgumentGroup) -> None:
    """Declare `--interactive`."""
    group.add_argument(
        "--interactive",
        action="store_true",
        help="studies: write view.html too, one file below 15 MB with the planes of `cipa view`, to look at "
        "without a server; it holds the images",
    )


def report_writers(arguments: Namespace) -> tuple[Any, ...]:
    """Return what writes view.html and then report.html, which links to it, as far as they are wanted."""
    writers: tuple[Any, ...] = ()
    if arguments.interactive:
        from cipa.view.interactive import write_interactive_view

        writers += (write_interactive_view,)
    if arguments.report:
        from cipa.report.study import write_study_report

        writers += (write_study_report,)
    return writers
