"""Look at results in the browser, correct their masks, and measure and write everything again.

TARGET is a result of `cipa predict`, a folder of results, or a study without one, with -o for the result to
begin. The network's mask is never changed: each save is a revision beside it. The server listens on this
machine alone and ends with Ctrl-C. It needs the extra: pip install 'cipa[view]'.
"""

from argparse import Namespace
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from cipa.cli.parser import Parser
from cipa.cli.predict_lines import DISCLAIMER
from cipa.cli.study_options import add_study_options, check_study_options, study_options
from cipa.errors import UsageError

if TYPE_CHECKING:
    from cipa.view.workbench import Workbench

EXAMPLES = """
cipa view RESULT
cipa view RESULTS --study STUDIES
cipa view STUDY -o RESULT
"""


def add_arguments(parser: Parser) -> None:
    """Declare the options of `cipa view`."""
    parser.explain("TARGET", EXAMPLES)
    add = parser.add_argument_group("input").add_argument
    add("target", metavar="TARGET", help="result, folder of results, or study without a result")
    add(
        "--study",
        metavar="FOLDER",
        help="where CT and PET lie: the study, or a folder of studies (default: where they were last read)",
    )
    add("-o", "--out", metavar="RESULT", help="of a study without a result: the one to begin, its mask empty")
    add_study_options(parser)
    add = parser.add_argument_group("server").add_argument
    add("--port", type=int, default=0, metavar="N", help="port on this machine (default: a free one)")
    add("--no-browser", action="store_true", help="print the address and open nothing")


def run(arguments: Namespace) -> int:
    """Run `cipa view` until it is ended.

    Raises:
        UsageError: there is nothing to open, or the extra is not installed.
        DataError: the study cannot be read.
    """
    check_study_options(arguments)
    if not 0 <= arguments.port <= 65535:
        raise UsageError(f"--port {arguments.port}: give 0 to 65535")
    try:
        from cipa.view.serve import serve
    except ModuleNotFoundError as error:
        if error.name not in ("starlette", "uvicorn", "anyio"):
            raise
        raise UsageError(f"cipa view needs {error.name}: pip install 'cipa[view]'") from error
    with suppress(KeyboardInterrupt):  # the way it is ended
        serve(_open(arguments), arguments.port, lambda address: _announce(address, arguments.no_browser))
    print("ended; what was not saved is kept beside the result, and offered again")
    return 0


def _open(arguments: Namespace) -> "Workbench":
    from cipa.view.start import find_results
    from cipa.view.studies import StudyFinder
    from cipa.view.workbench import Workbench

    out = None if arguments.out is None else Path(arguments.out)
    root = find_results(Path(arguments.target), out, study_options(arguments))
    return Workbench(root, StudyFinder(None if arguments.study is None else Path(arguments.study)))


def _announce(address: str, quiet: bool) -> None:
    print(f"cipa view: {address}", flush=True)
    print("Ctrl-C ends it.", DISCLAIMER, flush=True)
    if quiet:
        return
    import webbrowser

    if not webbrowser.open(address):
        print("no browser could be opened here: copy the address into one", flush=True)
