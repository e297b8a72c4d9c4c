"""The `cipa` command: one verb, one file; a verb's imports happen when it is called.

Each verb is a module `cipa.cli.<verb>` with `add_arguments(parser)` and `run(arguments) -> int`. Whatever it
raises becomes one line on standard error and an exit code in `cipa.cli.boundary`.
"""

import os
import shutil
import sys
import textwrap
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from cipa.cli.boundary import guard
from cipa.errors import UsageError
from cipa.signals import exit_on_termination
from cipa.streams import make_rich_safe, safe_streams
from cipa.suggest import suggestion
from cipa.version import __version__

VERBS = {
    "demo": "a phantom study from DICOM to measured lesions and a report, offline; or a short training",
    "phantom": "draw practice PET-CT: slices in PCLT20K layout, or DICOM studies",
    "convert": "turn NIfTI or DICOM studies into slices in PCLT20K layout, and masks of slices back",
    "check": "report every missing, unreadable, mis-sized or mis-split file of a data set",
    "export": "write weights as one file that runs elsewhere: a PyTorch program (.pt2) or ONNX",
    "models": "list the networks to train: CIPA, its ablations, Sigma, MONAI's; parameters, GFLOP, papers",
    "train": "train a network on a data set in PCLT20K layout",
    "evaluate": "score weights on a test set with the published protocol, write masks and tables",
    "compare": "compare evaluations: intervals over patients, paired tests",
    "info": "print what a DICOM study holds: series, the CT and PET to segment, SUV factor, problems",
    "measure": "measure a mask from any tool or hand (NIfTI, DICOM SEG, RTSTRUCT), and report it",
    "compare-studies": "compare two examinations of one patient: lesions matched, changes, PERCIST, a report",
    "predict": "segment slices or volumes that have no mask",
    "view": "look at results in the browser, correct the mask, measure again",
    "serve": "run a node behind a PACS: receive studies, segment each once, send results back",
}
"""Verbs in the order a newcomer meets them, each with its line in `cipa --help`."""


def usage() -> str:
    """Return the text of `cipa --help`."""
    indent = " " * (max(map(len, VERBS)) + 4)
    width = max(50, min(110, shutil.get_terminal_size().columns))
    verbs = (f"  {verb:<{len(indent) - 4}}  {line}" for verb, line in VERBS.items())
    lines = [
        "usage: cipa [--debug] VERB [options]",
        "       cipa VERB --help for the options of one",
        "",
        "Lung tumour segmentation in PET-CT (CIPA, CVPR 2025).",
        "Research software, not a medical device.",
        "",
        *(textwrap.fill(line, width, subsequent_indent=indent) for line in verbs),
        "",
        "examples:",
        "",
        "  cipa demo",
        "  cipa predict STUDY -o OUT",
        "  cipa train DATA -o RUN && cipa evaluate DATA --weights RUN -o OUT",
        "",
        "  --debug    show the traceback of an error",
        "  --version  print the version",
    ]
    return "\n".join(lines)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one verb.

    Args:
        argv: the command line without the program's name; by default the process's own.

    Returns:
        Exit code, as `cipa.cli.boundary` lists them.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    debug = "--debug" in words
    words = [word for word in words if word != "--debug"]
    with safe_streams(), exit_on_termination():
        return guard(lambda: _run(words), debug)


def _run(words: Sequence[str]) -> int:
    if not words or words[0] in ("-h", "--help", "help"):
        print(usage())
        return 0 if words else 2
    if words[0] == "--version":
        print(f"cipa {__version__}")
        return 0
    return _run_verb(words[0], words[1:])


def _run_verb(verb: str, words: Sequence[str]) -> int:
    if verb not in VERBS:
        guess = suggestion(verb, VERBS)
        raise UsageError(f"unknown verb '{verb}'{guess or ': choose one of ' + ', '.join(VERBS)}")
    # After each product GNU OpenMP's threads spin for milliseconds on the cores that the scan's threads want:
    # a `nano` training step took 1.2 times as long on two cores. Read when PyTorch is imported.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    from cipa.cli.parser import Parser  # here, so that `cipa --help` stays instant
    from cipa.cli.ranks import ignore_stale_launcher

    make_rich_safe()
    ignore_stale_launcher()
    module: Any = import_module(f"cipa.cli.{verb.replace('-', '_')}")
    parser = Parser(prog=f"cipa {verb}", description=module.__doc__)
    module.add_arguments(parser)
    return int(module.run(parser.parse_words(words)) or 0)


if __name__ == "__main__":
    sys.exit(main())
