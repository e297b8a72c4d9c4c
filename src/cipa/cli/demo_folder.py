"""The folder a demo leaves: known by its summary, so that another demo may replace it."""

from pathlib import Path

from cipa.errors import UsageError

SUMMARY = "demo.json"


def refuse_foreign(out: Path) -> None:
    """Refuse a folder that a demo must not replace.

    Raises:
        UsageError: it is a file, or holds something that is no earlier demo.
    """
    if out.is_file() or (out.is_dir() and any(out.iterdir()) and not (out / SUMMARY).is_file()):
        raise UsageError(f"{out}: holds something that is no earlier demo; name another folder with -o")
