"""Compare runs on one test set: scores over patients with intervals, and paired tests against the first run.

Each RUN is a folder that `cipa evaluate` wrote. Runs scored in 3-D are compared in 3-D; runs of which none
was, by the pixels pooled within each patient. Different slices, masks, grids or spacings are refused.
"""

from argparse import Namespace
from pathlib import Path

from cipa.cli.parser import Parser
from cipa.files import refuse_occupied

EXAMPLES = """
cipa compare eval_plain eval_dropout
cipa compare eval_a eval_b eval_c -o comparison
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
    add("--overwrite", action="store_true", help="replace an earlier comparison at OUT")


def run(arguments: Namespace) -> int:
    """Compare, print the table, write OUT.

    Returns:
        0.

    Raises:
        UsageError: fewer than two runs, one twice, or OUT holds something.
        DataError: a folder is no evaluation, or the runs were not scored on the same slices.
    """
    from rich.console import Console

    from cipa.evaluation.comparison import compare_runs
    from cipa.evaluation.runs import read_runs
    from cipa.report.comparison import ComparisonTable, is_comparison, write_comparison
    from cipa.report.fitted_table import print_whole

    out = Path(arguments.out) if arguments.out else None
    if out:
        refuse_occupied(out, "a comparison", is_comparison, arguments.overwrite)
    comparison = compare_runs(read_runs([Path(folder) for folder in arguments.runs]))
    console = Console(highlight=False)
    print_whole(console, ComparisonTable(comparison))
    if out:
        write_comparison(out, comparison)
        print(f"written to {out}: comparison.html, comparison.md, comparison.csv")
    return 0
