"""What a DICOM SEG repeats of the CT it belongs to: patient and study, cleaned, and nothing beyond.

Comments, occupation, addresses, stations and serial numbers of the CT stay behind. A value that breaks the
standard is rewritten where its meaning is plain, and left empty where it is not; it is never quoted.
"""

import re
from collections.abc import Callable, Sequence
from contextlib import suppress

from pydicom.charset import python_encoding
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.uid import UID

from cipa.io.dicom.clock import parse_date, parse_time
from cipa.io.dicom.silence import quiet
from cipa.io.dicom.slices import Slice
from cipa.io.dicom.tags import name_of, number, raw_bytes, text, value, words

MAY_BE_EMPTY = {
    "PatientName": "PN",
    "PatientID": "LO",
    "PatientBirthDate": "DA",
    "PatientSex": "CS",
    "StudyID": "SH",
    "StudyDate": "DA",
    "StudyTime": "TM",
    "AccessionNumber": "SH",
    "ReferringPhysicianName": "PN",
}
"""Attributes of patient and study that must be there and may be empty, and their value representations."""

OPTIONAL = {
    "IssuerOfPatientID": "LO",
    "StudyDescription": "LO",
    "PositionReferenceIndicator": "LO",
    "PatientIdentityRemoved": "CS",
    "DeidentificationMethod": "LO",
    "PatientAge": "AS",
}
"""Attributes repeated where the CT has them."""

LENGTHS = {"LO": 64, "SH": 16, "PN": 64, "CS": 16}
"""Most characters, of a person's name in each of its groups."""

NAMES_SOMEONE = ("PatientID", "StudyID", "AccessionNumber", "IssuerOfPatientID")
"""Identifiers: one that is cut short would be another's."""

SEXES = {"M": "M", "MALE": "M", "F": "F", "FEMALE": "F", "O": "O", "OTHER": "O"}

GEOMETRY = (
    *("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID"),
    *("Modality", "Rows", "Columns", "ImagePositionPatient", "LossyImageCompression"),
    *("LossyImageCompressionRatio", "LossyImageCompressionMethod"),
)
"""Attributes of each slice that a SEG refers to or is made from."""

REFERENCES = ("SOPClassUID", "SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "FrameOfReferenceUID")


@quiet()
def clean_patient_and_study(header: Dataset) -> tuple[Dataset, tuple[str, ...]]:
    """Return what a SEG repeats of patient and study, decoded, and what of it had to be changed.

    Args:
        header: of a slice of the CT.

    Returns:
        A data set whose text is Unicode, to be written as UTF-8; and a line a changed attribute, without its
        value.
    """
    found, lines = Dataset(), []
    for keyword, kind in (MAY_BE_EMPTY | OPTIONAL).items():
        decoded, is_sure = _decode(header, keyword)
        cleaned = CLEANERS[kind](keyword, decoded)
        if keyword in MAY_BE_EMPTY or cleaned:
            setattr(found, keyword, cleaned)
        if cleaned != decoded or not is_sure:
            what = "is cleaned" if cleaned else "is left empty"
            lines.append(f"DICOM SEG: {name_of(keyword)} of the CT is malformed and {what}")
    return found, tuple(lines)


@quiet()
def reference_problem(slices: Sequence[Slice]) -> str | None:
    """Say why a SEG cannot refer to slices, or None."""
    headers = [one.header for one in slices]
    for keyword in REFERENCES:
        for header in headers:
            found = text(header, keyword)
            if not found:
                return f"{name_of(keyword)} of the CT is missing"
            if len(found) > 64 or not found.isascii():
                return f"{name_of(keyword)} of the CT is malformed"
    if len({(text(one.header, "SOPInstanceUID"), one.frame) for one in slices}) < len(slices):
        return f"{name_of('SOPInstanceUID')} of the CT is not unique, so that slices cannot be referred to"
    if not UID(text(headers[0], "SOPClassUID")).name.endswith("Storage"):
        return f"{name_of('SOPClassUID')} of the CT is none that is known"
    return None


def copy_geometry(header: Dataset) -> Dataset:
    """Return what a SEG refers to of one slice."""
    found = Dataset()
    for keyword in GEOMETRY:
        known = value(header, keyword)
        if known is not None:
            setattr(found, keyword, known)
    found.SliceThickness = number(header, "SliceThickness")
    return found


def _decode(header: Dataset, keyword: str) -> tuple[str, bool]:
    """Return a tag's text, and whether the character set that the header declares read all of it."""
    raw = raw_bytes(header, keyword)
    found = value(header, keyword)
    if isinstance(found, MultiValue):
        return "\\".join(map(str, found)), True
    shown = "" if found is None else str(found)
    if (raw.isascii() and b"\x1b" not in raw) or ("\ufffd" not in shown and _is_declared(header)):
        return shown or raw.decode("ascii", "replace").strip(" \0"), True
    for encoding in ("utf-8",) if _is_declared(header) else ("utf-8", "latin-1"):
        with suppress(UnicodeDecodeError):
            shown = raw.decode(encoding).strip(" \0")
            break
    return shown.replace("\ufffd", "?"), False


def _is_declared(header: Dataset) -> bool:
    """Tell whether a header names a character set beyond ASCII, and only such that are known."""
    sets = [one for one in words(header, "SpecificCharacterSet") if one]
    return bool(sets) and all(one in python_encoding for one in sets)


def _clean_line(keyword: str, found: str) -> str:
    """Clean a value of one line."""
    if "\\" in found:
        return ""
    plain = "".join(letter if letter.isprintable() else " " for letter in found).strip()
    most = LENGTHS["SH" if keyword in ("StudyID", "AccessionNumber") else "LO"]
    if len(plain) > most:
        return "" if keyword in NAMES_SOMEONE else plain[:most].strip()
    return plain


def _clean_name(_: str, found: str) -> str:
    """Clean a person's name: at most three groups, of at most five components each."""
    plain = "".join(letter if letter.isprintable() else " " for letter in found.partition("\\")[0])
    groups = [
        "^".join(group.split("^")[:5])[: LENGTHS["PN"]].rstrip(" ^") if group else ""
        for group in plain.split("=")[:3]
    ]
    return "=".join(groups).rstrip("=").strip()


def _clean_date(_: str, found: str) -> str:
    day = parse_date(found) if found else None
    return "" if day is None else f"{day:%Y%m%d}"


def _clean_time(_: str, found: str) -> str:
    if re.fullmatch(r"\d{2}(\d{2}(\d{2}(\.\d{1,6})?)?)?", found) and parse_time(found):
        return found
    clock = parse_time(found) if found else None
    if clock is None:
        return ""
    seconds = clock.since_midnight.total_seconds()
    whole = int(seconds)
    hours, minutes = whole // 3600, whole // 60 % 60
    fraction = f"{seconds - whole:.6f}"[1:].rstrip("0").rstrip(".")
    return f"{hours:02d}{minutes:02d}{whole % 60:02d}{fraction}"


def _clean_code(keyword: str, found: str) -> str:
    plain = found.strip().upper()
    if keyword == "PatientSex":
        return SEXES.get(plain, "")
    return plain if plain in ("YES", "NO") else ""


def _clean_age(_: str, found: str) -> str:
    return found if re.fullmatch(r"\d{3}[DWMY]", found) else ""


CLEANERS: dict[str, Callable[[str, str], str]] = {
    "LO": _clean_line,
    "SH": _clean_line,
    "PN": _clean_name,
    "DA": _clean_date,
    "TM": _clean_time,
    "CS": _clean_code,
    "AS": _clean_age,
}
