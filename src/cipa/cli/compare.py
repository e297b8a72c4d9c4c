"""Compare runs on one test set: scores over patients with intervals, and paired tests against the first run.

Each RUN is a folder that `cipa evaluate` wrote. Runs scored in 3-D are compared in 3-D; runs of which none
was, by the pixels pooled within each patient. Different slices, masks, grids or spacings are refused.
"""

from argparse import Namespace
from pathlib import Path

from cipa.cli.parser import Parser
from cipa.cli.terminal import warn
from cipa.errors import UsageError
from cipa.files import refuse_occupied

EXAMPLES = """
cipa compare eval_plain eval_dropout
cipa compare eval_a eval_b eval_c -o comparison
cipa compare eval_a eval_b -o comparison --studies STUDIES
"""


def add_arguments(parser: Parser) -> None:
    """Declare the options of `cipa compare`."""
    parser.explain("RUN RUN [RUN ...]", EXAMPLES)
    add = parser.add_argument_group("input").add_argument
    add("runs", nargs="+", metavar="RUN", help="folders of `cipa evaluate`; all are compared with the first")
    add = parser.add_argument_group("output").add_argument
    add(
        "-o",
        "--out",
        metavar="OUT",
        help="folder for comparison.html (with box plots and a dot a patient), .md and .csv; new or empty",
    )
    add(
        "--studies",
        metavar="FOLDER",
        help="studies that were scored: write OUT/views/PATIENT.html too, their planes with the masks of all "
        "runs, a file of up to 15 MB each, which holds the images",
    )
    add("--overwrite", action="store_true", help="replace an earlier comparison at OUT")


def run(arguments: Namespace) -> int:
    """Compare, print the table, write OUT.

    Returns:
        0.

    Raises:
        UsageError: fewer than two runs, one twice, --studies without OUT, or OUT holds something.
        DataError: a folder is no evaluation, the runs were not scored on the same slices, or their masks are
            not there.
    """
    from functools import partial

    from rich.console import Console

    from cipa.evaluation.comparison import compare_runs
    from cipa.evaluation.runs import read_runs
    from cipa.report.comparison import ComparisonTable, is_comparison, write_comparison
    from cipa.report.fitted_table import print_whole

    out = Path(arguments.out) if arguments.out else None
    if arguments.studies and not out:
        raise UsageError(f"--studies {arguments.studies}: goes with -o OUT, where the views are written")
    if out:
        refuse_occupied(out, "a comparison", is_comparison, arguments.overwrite)
    folders = [Path(folder) for folder in arguments.runs]
    comparison = compare_runs(read_runs(folders))
    console = Console(highlight=False)
    print_whole(console, ComparisonTable(comparison))
    if out:
        views = None
        if arguments.studies:
            from cipa.view.run_views import find_run_masks, write_run_views

            masks = find_run_masks(dict(zip(comparison.runs, folders, strict=True)), comparison.names)
            views = partial(write_run_views, Path(arguments.studies), masks)
        lines = write_comparison(out, comparison, views)
        for line in lines:
            warn(line)
        print(f"written to {out}: comparison.html, comparison.md, comparison.csv{', views' if views else ''}")
    return 0
