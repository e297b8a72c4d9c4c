"""What the page says of lesions beside their voxels: names, states, and the tools that were used."""

import base64
import binascii
import json
from dataclasses import asdict, dataclass
from typing import Any

from cipa.text import printable
from cipa.view.refusal import Refusal

STATES = ("accepted", "rejected", "unreviewed")
LONGEST_NAME, MOST_LESIONS, MOST_TOOLS = 64, 65_535, 50


@dataclass(frozen=True)
class LesionEdit:
    """What a person says of one lesion.

    Attributes:
        label: its number.
        name: at most `LONGEST_NAME` printable characters, empty for none.
        state: of `STATES`.
    """

    label: int
    name: str = ""
    state: str = "unreviewed"


@dataclass(frozen=True)
class Edits:
    """Everything that the page says beside voxels.

    Attributes:
        lesions: by label.
        tools: names of those used, in the order of first use.
    """

    lesions: dict[int, LesionEdit]
    tools: tuple[str, ...] = ()

    def of(self, label: int) -> LesionEdit:
        """Return what is said of a lesion, unreviewed and without a name where nothing is."""
        return self.lesions.get(label, LesionEdit(label))

    def as_dict(self) -> dict[str, Any]:
        """Return them as they were sent."""
        return {"tools": list(self.tools), "lesions": [asdict(one) for one in self.lesions.values()]}


def read_edits(header: str | None) -> Edits:
    """Read `X-Cipa-Edits`: base64 of JSON in UTF-8.

    Raises:
        Refusal: it is malformed (400).
    """
    if not header:
        return Edits({})
    try:
        content = json.loads(base64.b64decode(header, validate=True).decode("utf-8"))
        tools = [_word(one) for one in content.get("tools", [])]
        lesions = [_lesion(one) for one in content.get("lesions", [])]
    except (binascii.Error, ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        raise Refusal(400, "X-Cipa-Edits: no base64 of JSON with tools and lesions") from error
    by_label = {one.label: one for one in lesions}
    if len(by_label) != len(lesions):
        raise Refusal(400, "X-Cipa-Edits: a lesion stands there twice")
    return Edits(by_label, tuple(dict.fromkeys(tools[:MOST_TOOLS])))


def _lesion(entry: Any) -> LesionEdit:
    label, state = entry["label"], entry.get("state", "unreviewed")
    if type(label) is not int or not 0 < label <= MOST_LESIONS or state not in STATES:
        raise ValueError
    return LesionEdit(label, _word(entry.get("name", "")), state)


def _word(text: Any) -> str:
    """Return text on one line, without what acts on a terminal, cut after `LONGEST_NAME`."""
    if not isinstance(text, str):
        raise TypeError
    return printable(" ".join(text.split())[:LONGEST_NAME])[:LONGEST_NAME]
