"""Run a node behind a PACS: receive studies, segment each once, send SEG and SR back.

DICOM (C-ECHO, C-STORE, storage commitment) and DICOMweb. What was acknowledged is on disk, results are sent
until they are accepted. Settings are a YAML file; --print-config prints one with every setting explained.
Needs the extra packages of `pip install 'cipa[serve]'`.
"""

import json
from argparse import Namespace
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from cipa.cli.parser import Parser
from cipa.errors import UsageError

if TYPE_CHECKING:
    from cipa.serve.settings import Settings
    from cipa.serve.status import Line, Status

EXAMPLES = """
cipa serve --print-config > serve.yaml
cipa serve --config serve.yaml
cipa serve --config serve.yaml --status
cipa serve --config serve.yaml --retry study-0123456789
cipa serve --config serve.yaml --fetch archive STUDY_UID
"""

ACTIONS = ("print_config", "status", "retry", "fetch")

NEEDED = ("pynetdicom", "dicomweb_client", "prometheus_client")


def add_arguments(parser: Parser) -> None:
    """Declare the options of `cipa serve`."""
    parser.explain("--config FILE", EXAMPLES)
    add = parser.add_argument_group("settings").add_argument
    add("--config", metavar="FILE", help="YAML file of settings (default: every setting's default)")
    add("--spool", metavar="FOLDER", help="folder of the queue, in place of the setting")
    add("--print-config", action="store_true", help="print the settings with what each means, and end")
    add = parser.add_argument_group("a node that runs, or will").add_argument
    add("--status", action="store_true", help="print what waits, what is held and what was given up, and end")
    add("--json", action="store_true", help="with --status: print everything as JSON")
    add(
        "--retry",
        metavar="STUDY",
        help="segment a held study again, send again what was given up; STUDY as --status has it, or all",
    )
    add(
        "--fetch",
        nargs=2,
        metavar=("SERVER", "UID"),
        help="fetch a study by its Study Instance UID from a DICOMweb server of the settings",
    )


def run(arguments: Namespace) -> int:
    """Run `cipa serve`.

    Returns:
        0 after SIGTERM, SIGHUP or Ctrl-C, and of the options that print.

    Raises:
        DataError, UsageError: the settings or an option cannot be used.
    """
    if sum(bool(getattr(arguments, name)) for name in ACTIONS) > 1:
        raise UsageError("--print-config, --status, --retry, --fetch: give one of these")
    if arguments.json and not arguments.status:
        raise UsageError("--json: only with --status")
    settings = _settings(arguments)
    if arguments.print_config:
        from cipa.serve.settings_file import settings_text

        print(settings_text(settings), end="")
        return 0
    _require_extra()
    if arguments.status:
        return _print_status(settings, arguments.json)
    if arguments.retry:
        return _retry(settings, arguments.retry)
    if arguments.fetch:
        return _fetch(settings, *arguments.fetch)
    from cipa.serve.service import serve

    serve(settings)
    return 0


def _settings(arguments: Namespace) -> "Settings":
    from cipa.serve.settings import Settings
    from cipa.serve.settings_file import read_settings

    settings = Settings() if arguments.config is None else read_settings(Path(arguments.config))
    return settings if arguments.spool is None else replace(settings, spool=arguments.spool)


def _require_extra() -> None:
    from importlib.util import find_spec

    if find_spec("fcntl") is None:
        raise UsageError("cipa serve: needs Linux or macOS, whose locks and signals it is built on")
    absent = [name for name in NEEDED if find_spec(name) is None]
    if absent:
        raise UsageError(f"{absent[0]}: not installed; pip install 'cipa[serve]'")


def _print_status(settings: "Settings", as_json: bool) -> int:
    from cipa.serve.status import read_status

    status = read_status(Path(settings.spool))
    if as_json:
        print(json.dumps(status.to_dict(), indent=2))
        return 0
    print("\n".join(_status_lines(status)))
    return 0


def _status_lines(status: "Status") -> list[str]:
    counts = status.counts
    state = "running" if status.running else "not running"
    lines = [
        f"{status.spool}: node {state}, {status.megabytes:g} MB of images",
        "studies  " + ", ".join(f"{counts[one]} {one}" for one in ("receiving", "queued", "segmenting")),
        f"         {counts['done']} done, {counts['held']} held for a look",
        f"results  {counts['waiting']} on their way, {counts['accepted']} accepted, "
        f"{counts['dead']} given up",
    ]
    lines += [f"damaged record: {one}; move its folder out of the spool" for one in status.damaged]
    return lines + [text for one in status.lines for text in _describe(one)]


def _describe(line: "Line") -> list[str]:
    words = {"held": "held", "dead": "given up", "waiting": "not yet accepted"}
    where = f" by {line.destination}" if line.destination else ""
    return [f"{line.alias}  {words[line.state]}{where}, {line.hours:g} h", f"    {line.reason}"]


def _retry(settings: "Settings", word: str) -> int:
    from cipa.serve.mailbox import leave_request
    from cipa.serve.spool import Spool, alias_of
    from cipa.serve.status import find_study, read_status

    root = Path(settings.spool)
    lines = read_status(root).lines
    given_up = {line.study for line in lines if line.state in ("held", "dead")}
    studies = sorted(given_up) if word == "all" else [find_study(root, word)]
    for study in studies:
        if study not in given_up:
            raise UsageError(f"--retry {word}: neither held nor given up; cipa serve --status lists those")
        leave_request(Spool(root), "retry", study=study)
        print(f"{alias_of(study)}: asked for; the node will try again")
    if not studies:
        print("nothing is held or given up")
    return 0


def _fetch(settings: "Settings", server: str, study_uid: str) -> int:
    from cipa.serve.intake import UID_FORM
    from cipa.serve.mailbox import leave_request
    from cipa.serve.spool import Spool, alias_of, name_study
    from cipa.suggest import suggestion

    names = [one.name for one in settings.web]
    if server not in names:
        guess = suggestion(server, names) or f"; the settings have {', '.join(names) or 'none'}"
        raise UsageError(f"--fetch {server}: no such web server{guess}")
    if not UID_FORM.fullmatch(study_uid) or len(study_uid) > 64:
        raise UsageError(f"--fetch {server} {study_uid}: no UID; give the Study Instance UID (0020,000D)")
    leave_request(Spool(Path(settings.spool)), "fetch", server=server, study_uid=study_uid)
    print(f"{alias_of(name_study(study_uid))}: asked for; the node will fetch it from {server}")
    return 0
