"""What was injected: tracer, nuclide and half-life, and whether they fit each other.

Half-lives: Decay Data Evaluation Project (LNE-LNHB, BIPM Monographie 5). Codes: DICOM PS3.16, CID 4020 (PET
radionuclides) and CID 4021 (PET radiopharmaceuticals), of SNOMED CT and of the older SNOMED RT.
"""

import re
from dataclasses import dataclass

from pydicom.dataset import Dataset

from cipa.errors import DataError
from cipa.io.dicom.tags import name_of, read_number, text, value

HALF_LIVES = {
    "C-11": 1221.8,
    "N-13": 597.9,
    "O-15": 122.24,
    "F-18": 6586.2,
    "Na-22": 8.21e7,
    "Sc-44": 14549.0,
    "Cu-60": 1422.0,
    "Cu-61": 12020.0,
    "Cu-62": 580.2,
    "Cu-64": 45723.0,
    "Ga-66": 33740.0,
    "Ga-68": 4062.6,
    "Br-76": 58300.0,
    "Rb-82": 75.6,
    "Y-86": 53060.0,
    "Zr-89": 282280.0,
    "Y-90": 230500.0,
    "Tc-94": 3120.0,
    "I-124": 360800.0,
    "Tb-152": 63000.0,
}
"""Seconds, of the nuclides that PET sees."""

NUCLIDE_CODES = {
    "40565003": "C-11",
    "21576001": "N-13",
    "129504001": "O-15",
    "77004003": "F-18",
    "71633006": "Na-22",
    "126600": "Sc-44",
    "425364008": "Cu-60",
    "71425003": "Cu-61",
    "422934004": "Cu-62",
    "3932008": "Cu-64",
    "79477007": "Ga-66",
    "35337001": "Ga-68",
    "79523006": "Br-76",
    "79197006": "Rb-82",
    "10738001": "Y-86",
    "63360001": "Zr-89",
    "14691008": "Y-90",
    "40937006": "I-124",
    "126606": "Tb-152",
    "C-105A1": "C-11",
    "C-107A1": "N-13",
    "C-B1038": "O-15",
    "C-111A1": "F-18",
    "C-131A3": "Ga-68",
    "C-127A2": "Cu-64",
    "C-159A2": "Rb-82",
    "C-168A4": "Zr-89",
    "C-114A5": "I-124",
}
"""Code values of CID 4020, SNOMED CT first, then SNOMED RT."""

FDG_CODES = ("C-B1031", "35321007")
"""Of CID 4021."""

FDG_WORDS = re.compile(r"FDG|FLU(OR|D)O?EOXYGLUCOSE|FLUORO.?DEOXY|FLUDESOXY|DEOXYGLUCOSE", re.IGNORECASE)

SYMBOLS = {
    "CARBON": "C",
    "NITROGEN": "N",
    "OXYGEN": "O",
    "FLUORINE": "F",
    "SODIUM": "Na",
    "SCANDIUM": "Sc",
    "COPPER": "Cu",
    "GALLIUM": "Ga",
    "BROMINE": "Br",
    "RUBIDIUM": "Rb",
    "YTTRIUM": "Y",
    "ZIRCONIUM": "Zr",
    "TECHNETIUM": "Tc",
    "IODINE": "I",
    "TERBIUM": "Tb",
    "FLUOR": "F",
}

SAME, CLOSE = 0.01, 0.1
"""Half-lives that differ by less than the first part are one; by more than the second, of two nuclides."""

UPTAKE_MINUTES = (55.0, 75.0)
"""Between injection of FDG and scan: Boellaard and others, EANM procedure guidelines 2.0, 2015."""


@dataclass(frozen=True)
class Tracer:
    """What was injected.

    Attributes:
        name: as the header names it, empty if it does not.
        nuclide: such as `F-18`, empty if the header does not name one that PET sees.
        is_fdg: whether it is fluorodeoxyglucose; None where the header does not name it.
    """

    name: str
    nuclide: str
    is_fdg: bool | None


UNKNOWN = Tracer("", "", None)


def read_tracer(item: Dataset) -> Tracer:
    """Read what an item of the Radiopharmaceutical Information Sequence says was injected."""
    codes = _read_code(item, "RadiopharmaceuticalCodeSequence")
    name = next((one for one in (text(item, "Radiopharmaceutical"), codes[1], codes[0]) if one), "")
    is_fdg = codes[0] in FDG_CODES or any(
        FDG_WORDS.search(one) for one in (text(item, "Radiopharmaceutical"), codes[1])
    )
    code, meaning = _read_code(item, "RadionuclideCodeSequence")
    nuclide = NUCLIDE_CODES.get(code) or _nuclide_in(meaning) or _nuclide_in(name)
    return Tracer(name, nuclide, is_fdg if name else None)


def read_half_life(item: Dataset) -> tuple[float, tuple[str, ...]]:
    """Read the half-life in seconds, and see whether it is that of the nuclide named.

    Returns:
        The half-life, and what is doubtful about it.

    Raises:
        DataError: it is missing and no nuclide is named, malformed, or that of another nuclide or of none.
    """
    keyword = "RadionuclideHalfLife"
    half_life, nuclide = read_number(item, keyword), read_tracer(item).nuclide
    known = HALF_LIVES.get(nuclide)
    if half_life is None and known is None:
        raise DataError(f"{name_of(keyword)} is missing; export the PET again with it")
    if half_life is None:
        assert known is not None
        return known, (f"{name_of(keyword)} is missing; that of {nuclide} is taken, {known:g} s",)
    if known is not None:
        return half_life, _compare(half_life, known, nuclide)
    nearest = min(HALF_LIVES, key=lambda one: abs(half_life / HALF_LIVES[one] - 1))
    if half_life <= 0:
        raise DataError(f"{name_of(keyword)} is {half_life:g} s, which cannot be; correct that tag")
    if abs(half_life / HALF_LIVES[nearest] - 1) > SAME:
        minutes = next((one for one, s in HALF_LIVES.items() if abs(60 * half_life / s - 1) < SAME), "")
        if minutes:
            raise DataError(
                f"{name_of(keyword)} is {half_life:g} s, which is the half-life of {minutes} in minutes; "
                "correct that tag"
            )
        return half_life, (f"{name_of(keyword)} {half_life:g} s is of no nuclide that PET sees",)
    return half_life, ()


def uptake_warnings(tracer: Tracer, minutes: float | None) -> tuple[str, ...]:
    """Say what keeps uptake from being compared with other studies: another tracer than FDG, another time."""
    if tracer.is_fdg is False:
        what = f"{tracer.name} ({tracer.nuclide})" if tracer.nuclide else tracer.name
        return (
            f"the tracer is {what}, not FDG, which the network was trained on: expect little of the mask",
        )
    lines: tuple[str, ...] = ()
    if tracer.is_fdg is None and tracer.nuclide not in ("", "F-18"):
        lines = (f"the tracer is of {tracer.nuclide}, not FDG, which the network was trained on",)
    lowest, highest = UPTAKE_MINUTES
    if minutes is not None and not lowest <= minutes <= highest:
        lines += (
            f"the scan began {minutes:.0f} min after the injection, not {lowest:.0f} to {highest:.0f} (EANM "
            "2015): SUV cannot be compared with that of other studies",
        )
    return lines


def _compare(half_life: float, known: float, nuclide: str) -> tuple[str, ...]:
    apart = abs(half_life / known - 1)
    line = f"{name_of('RadionuclideHalfLife')} is {half_life:g} s, but that of {nuclide} is {known:g} s"
    if apart > CLOSE:
        unit = " (minutes?)" if abs(60 * half_life / known - 1) < SAME else ""
        raise DataError(f"{line}{unit}; correct that tag or {name_of('RadionuclideCodeSequence')}")
    return (f"{line}; the header's is taken",) if apart > SAME else ()


def _read_code(item: Dataset, keyword: str) -> tuple[str, str]:
    """Return code and meaning of the first item of a code sequence, empty where there is none."""
    items = value(item, keyword)
    return ("", "") if items is None else (text(items[0], "CodeValue"), text(items[0], "CodeMeaning"))


def _nuclide_in(words: str) -> str:
    """Return the nuclide that words such as `^18^Fluorine`, `18F` or `Fluorine 18` name, or nothing."""
    before = re.findall(r"(?<!\d)(\d{2,3})m?\^?[ -]?([A-Za-z]+)", words)
    after = re.findall(r"(?<![A-Za-z])([A-Za-z]+)[ -]?\^?(\d{2,3})(?!\d)", words)
    named = [(element, mass) for mass, element in before] + after
    found = (f"{SYMBOLS.get(element.upper(), element.capitalize())}-{mass}" for element, mass in named)
    return next((nuclide for nuclide in found if nuclide in HALF_LIVES), "")
