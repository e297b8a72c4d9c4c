"""Output folders that are replaced only when asked, and only where this project wrote them."""

from collections.abc import Callable
from pathlib import Path

from cipa.errors import UsageError


def refuse_occupied(out: Path, kind: str, is_kind: Callable[[Path], bool], overwrite: bool) -> None:
    """Refuse a folder that must not be written to.

    Args:
        out: the folder asked for.
        kind: what will stand there, with its article: "an evaluation".
        is_kind: says whether a folder holds one.
        overwrite: whether an earlier one may be replaced.

    Raises:
        UsageError: a file stands at `out`, or a folder with something other than that kind, or one of that
            kind that may not be replaced.
    """
    if out.exists() and not out.is_dir():
        raise UsageError(f"{out}: a file stands there; name another folder")
    if not out.exists() or not any(out.iterdir()):
        return
    if not is_kind(out):
        raise UsageError(f"{out}: the folder holds something other than {kind}; name another")
    if not overwrite:
        raise UsageError(f"{out}: holds {kind}; name another folder, or replace it with --overwrite")
