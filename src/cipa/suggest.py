"""What a mistyped word was probably meant to be."""

from collections.abc import Iterable
from difflib import get_close_matches


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return "; did you mean WORD?" for the known word most like `word`, nothing where none is like it."""
    candidates = {one.casefold(): one for one in known}
    close = get_close_matches(word.casefold(), candidates, n=1, cutoff=0.6)
    return f"; did you mean {candidates[close[0]]}?" if close else ""
