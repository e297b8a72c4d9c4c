"""Who a patient is must not leave through names of files, tables and lines of logs.

Text from headers, files and folders is scrubbed once, where it enters: titles and warnings of a series, names
of files and folders, and what is computed from them hold no identity any more.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from cipa.io.dicom.clock import parse_date
from cipa.io.dicom.silence import quiet
from cipa.io.dicom.tags import raw_bytes, text, value, values_as_written
from cipa.privacy import remember

NAMES = ("PatientName", "OtherPatientNames", "PatientBirthName", "PatientMotherBirthName")
IDS = ("PatientID", "OtherPatientIDs", "AccessionNumber")

TAGS = (
    *(*NAMES, *IDS, "OtherPatientIDsSequence", "PatientBirthDate", "PatientIdentityRemoved"),
    *("StudyInstanceUID", "SOPClassUID", "SpecificCharacterSet"),
)
"""What `find_secrets` and `make_alias` read."""

HIDDEN = "***"

ENCODINGS = ("utf-8", "latin-1", "gb18030", "shift_jis", "euc_kr", "cp1251")
"""A name is looked for as each of these reads it, too: what the header declares is often wrong or missing."""

DIGRAPHS = ("ae", "oe", "ue", "aa")
"""Spellings of ä, ö, ü and å: a name is found with either, as the second letter counts for nothing."""

LETTERS = {
    "ø": "o",
    "œ": "o",
    "æ": "a",
    "ł": "l",
    "đ": "d",
    "ð": "d",
    "ħ": "h",
    "ı": "i",
    "ŧ": "t",
    "þ": "th",
    "ŋ": "n",
    "ĸ": "k",
}
"""Letters that Unicode does not take apart into a base and a mark."""

SHORT = 3
"""Letters of a part of a name that is looked for as a whole word only."""


@dataclass(frozen=True)
class Secrets:
    """What must not show: the parts of a patient's names, IDs, birth date and accession number.

    Attributes:
        names: parts of names, as written.
        numbers: IDs and accession numbers, as written.
        dates: days of birth, `YYYYMMDD`.
    """

    names: frozenset[str] = field(default=frozenset(), repr=False)
    numbers: frozenset[str] = field(default=frozenset(), repr=False)
    dates: frozenset[str] = field(default=frozenset(), repr=False)

    def __bool__(self) -> bool:
        """Whether there is anything to hide."""
        return bool(self.names or self.numbers or self.dates)

    def __or__(self, other: "Secrets") -> "Secrets":
        """Return the secrets of both."""
        return Secrets(self.names | other.names, self.numbers | other.numbers, self.dates | other.dates)

    def scrub(self, line: str) -> str:
        """Return a line with asterisks for every secret.

        Case, accents, composed or decomposed characters, both spellings of umlauts, and what separates the
        parts of an ID or a date make no difference. Parts of a name of up to three letters, and short
        numbers, are looked for as whole words only.
        """
        if self._pattern is None or not line:
            return line
        folded, starts, ends = _fold(line)
        pieces, done = [], 0
        for found in self._pattern.finditer(folded):
            begin, end = starts[found.start()], ends[found.end() - 1]
            if begin < done:  # two secrets in one composed character
                continue
            pieces += [line[done:begin], HIDDEN]
            done = end
        return "".join([*pieces, line[done:]])

    def occur_in(self, line: str) -> bool:
        """Tell whether a line holds a secret."""
        return self._pattern is not None and self._pattern.search(_fold(line)[0]) is not None

    @cached_property
    def _pattern(self) -> re.Pattern[str] | None:
        found = {_name_pattern(name) for name in self.names}
        found |= {_number_pattern(number) for number in self.numbers}
        found |= {pattern for date in self.dates for pattern in _date_patterns(date)}
        found.discard("")
        ordered = sorted(found, key=lambda pattern: (-len(pattern), pattern))
        return re.compile("|".join(ordered)) if ordered else None


NO_SECRETS = Secrets()


@quiet()
def find_secrets(headers: Iterable[Dataset]) -> Secrets:
    """Collect the secrets of headers; those that share all identifying tags are looked at once.

    None where Patient Identity Removed (0012,0062) is YES: name and ID are aliases then.

    Args:
        headers: of any modality, of one patient or several.
    """
    distinct = {tuple(raw_bytes(header, keyword) for keyword in TAGS[:-3]): header for header in headers}
    found = NO_SECRETS
    for header in distinct.values():
        found |= _secrets_of(header)
    if found:
        remember(found, found.scrub)
    return found


@quiet()
def make_alias(header: Dataset) -> str:
    """Return a name that is the same for the same study and says nothing about the patient."""
    uid = text(header, "StudyInstanceUID")
    return "study-" + hashlib.sha256(uid.encode()).hexdigest()[:10]


def choose_name(name: str, header: Dataset) -> str:
    """Return a name for a study, or its alias where that name holds a secret of its header."""
    return make_alias(header) if find_secrets([header]).occur_in(name) else name


def _secrets_of(header: Dataset) -> Secrets:
    if text(header, "PatientIdentityRemoved").upper() == "YES":
        return NO_SECRETS
    numbers = {part for keyword in IDS for part in _readings(header, keyword)}
    for item in header.get("OtherPatientIDsSequence") or ():
        numbers.update(_readings(item, "PatientID"))
    names = {part for keyword in NAMES for whole in _readings(header, keyword) for part in _parts(whole)}
    declared = {part for keyword in NAMES for part in _parts(text(header, keyword))}
    names = {part for part in names if part in declared or not part.isascii()}  # no bits of wrong readings
    born = values_as_written(header, "PatientBirthDate")
    dates = {f"{day:%Y%m%d}" for one in born if (day := parse_date(one))}
    odd = {one for one in born if parse_date(one) is None}
    is_number = {number for number in numbers | odd if len(number) > 1}
    return Secrets(frozenset(names), frozenset(is_number), frozenset(dates))


def _readings(header: Dataset, keyword: str) -> set[str]:
    """Return a tag's values as its character set reads them, and as others would."""
    raw, found = raw_bytes(header, keyword), value(header, keyword)
    readings = set(map(str, found)) if isinstance(found, MultiValue) else {text(header, keyword)}
    for encoding in () if raw.isascii() else ENCODINGS:
        with suppress(UnicodeDecodeError):
            readings.update(raw.decode(encoding).split("\\"))
            if encoding == "utf-8":  # other text is hardly ever valid as such
                break
    return {part for reading in readings if (part := reading.strip(" \0")) and "\ufffd" not in part}


def _parts(whole: str) -> set[str]:
    """Return the words of a name, and those of each of its component groups run together."""
    found = set()
    for group in whole.split("="):
        words = [word for word in re.split(r"[\W_]+", group) if word]
        found |= {word for word in words if len(word) > 1 or _is_ideograph(word)}
        components = [re.sub(r"[\W_]+", "", component) for component in group.split("^")[:3]]
        for order in (components, components[::-1], [*components[1:], *components[:1]]):
            joined = "".join(order)
            found |= {joined} if len(joined) > 2 else set()
    return found


def _is_ideograph(letter: str) -> bool:
    return unicodedata.category(letter[0]) == "Lo"


def _name_pattern(name: str) -> str:
    folded = _fold(name)[0]
    if not folded:
        return ""
    if len(unicodedata.normalize("NFC", name)) > SHORT:
        return re.escape(folded)
    return rf"(?<![^\W\d_]){re.escape(folded)}(?![^\W\d_])"


def _number_pattern(number: str) -> str:
    """Match an ID whatever stands between its runs of letters and digits, and however many zeros lead."""
    runs = re.findall(r"[^\W_]+", _fold(number)[0])
    if not runs:
        return ""
    first = runs[0].lstrip("0") if runs[0].isdigit() else runs[0]
    body = r"[\W_]*".join(map(re.escape, [first or runs[0], *runs[1:]]))
    edges = (r"0*", "") if first != runs[0] else ("", "")
    left = r"(?<!\d)" if runs[0][0].isdigit() else ""
    right = r"(?!\d)" if runs[-1][-1].isdigit() else ""
    if sum(map(len, runs)) <= SHORT:
        left, right = r"(?<![^\W_])", r"(?![^\W_])"
    return left + edges[0] + body + right


def _date_patterns(date: str) -> list[str]:
    year, month, day = date[:4], date[4:6], date[6:]
    loose = {part: part if part[0] != "0" else f"0?{part[1]}" for part in (month, day)}
    orders = ((year, month, day), (day, month, year), (month, day, year))
    split = [r"[\W_]+".join(loose.get(part, part) for part in order) for order in orders]
    short = ((year[2:], month, day), (day, month, year[2:]))
    joined = ["".join(order) for order in (*orders, *short)]
    return [rf"(?<!\d){pattern}(?!\d)" for pattern in split + joined]


def _fold(line: str) -> tuple[str, list[int], list[int]]:
    """Return a line in the form that secrets are compared in, and where each of its letters comes from.

    Returns:
        The folded line; for each of its letters the index in `line` at which it begins, and where it ends,
        marks that follow it included.
    """
    letters: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for index, letter in enumerate(line):
        base = "".join(
            part for part in unicodedata.normalize("NFKD", letter) if not unicodedata.combining(part)
        )
        plain = "".join(LETTERS.get(part, part) for part in base.casefold())
        if not plain and ends:
            ends[-1] = index + 1
        for part in plain:
            if letters and letters[-1] + part in DIGRAPHS:
                ends[-1] = index + 1
                continue
            letters.append(part)
            starts.append(index)
            ends.append(index + 1)
    return "".join(letters), starts, ends
