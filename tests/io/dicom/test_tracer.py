"""Which tracer and nuclide a header names, in codes and in words, and what uptake cannot be compared."""

import pytest
from pydicom.dataset import Dataset

from cipa.errors import DataError
from cipa.io.dicom.tracer import (
    HALF_LIVES,
    NUCLIDE_CODES,
    UNKNOWN,
    Tracer,
    read_half_life,
    read_tracer,
    uptake_warnings,
)


def code(value, meaning=""):
    one = Dataset()
    one.CodeValue, one.CodeMeaning = value, meaning
    return [one]


def item(**tags):
    one = Dataset()
    for name, value in tags.items():
        setattr(one, name, value)
    return one


def test_every_code_is_of_a_nuclide_whose_half_life_is_known():
    assert set(NUCLIDE_CODES.values()) <= set(HALF_LIVES)


@pytest.mark.parametrize(("value", "nuclide"), NUCLIDE_CODES.items())
def test_a_nuclide_is_known_by_its_code_whatever_its_words(value, nuclide):
    assert read_tracer(item(RadionuclideCodeSequence=code(value, "other words"))).nuclide == nuclide


@pytest.mark.parametrize(
    ("words", "nuclide"),
    [
        ("^18^Fluorine", "F-18"),
        ("18F", "F-18"),
        ("F-18", "F-18"),
        ("Fluor 18", "F-18"),
        ("Fluorine F^18", "F-18"),
        ("FLUORINE-18", "F-18"),
        ("^68^Gallium", "Ga-68"),
        ("Ga68", "Ga-68"),
        ("89Zr", "Zr-89"),
        ("Rubidium 82", "Rb-82"),
        ("94mTc", "Tc-94"),
        ("^11^Carbon", "C-11"),
        ("Iodine 124", "I-124"),
        ("Iodine 131", ""),  # no positrons
        ("F 180", ""),
        ("118F", ""),
        ("solution", ""),
        ("", ""),
    ],
)
def test_a_nuclide_is_read_from_words(words, nuclide):
    assert read_tracer(item(RadionuclideCodeSequence=code("99999", words))).nuclide == nuclide


def test_the_name_of_the_drug_tells_the_nuclide_where_no_code_does():
    assert read_tracer(item(Radiopharmaceutical="68Ga-DOTATATE")) == Tracer("68Ga-DOTATATE", "Ga-68", False)


@pytest.mark.parametrize(
    "name",
    ["FDG", "18F-FDG", "Fluorodeoxyglucose", "FLUDEOXYGLUCOSE F18", "Solution^FDG", "fluoro-deoxy-glucose"],
)
def test_fdg_is_known_by_its_names(name):
    assert read_tracer(item(Radiopharmaceutical=name)).is_fdg


@pytest.mark.parametrize("value", ["C-B1031", "35321007"])
def test_fdg_is_known_by_its_code_beside_a_local_name(value):
    tracer = read_tracer(
        item(Radiopharmaceutical="local 7", RadiopharmaceuticalCodeSequence=code(value, "x"))
    )
    assert (tracer.name, tracer.is_fdg) == ("local 7", True)


@pytest.mark.parametrize("name", ["PSMA-1007", "F-DOPA", "FLT", "FET", "sodium fluoride"])
def test_other_tracers_of_fluorine_are_no_fdg(name):
    assert read_tracer(item(Radiopharmaceutical=name)).is_fdg is False


def test_a_header_that_names_nothing_is_unknown_and_not_another_tracer():
    assert read_tracer(item()) == UNKNOWN
    assert uptake_warnings(UNKNOWN, 60.0) == ()


@pytest.mark.parametrize(
    ("tracer", "count"),
    [
        (Tracer("FDG", "F-18", True), 0),
        (Tracer("", "F-18", None), 0),
        (Tracer("", "Ga-68", None), 1),
        (Tracer("PSMA", "F-18", False), 1),
        (Tracer("PSMA", "", False), 1),
    ],
)
def test_another_tracer_is_a_warning(tracer, count):
    lines = uptake_warnings(tracer, 60.0)
    assert len(lines) == count
    assert all("not FDG" in line for line in lines)


@pytest.mark.parametrize(
    ("minutes", "count"), [(54.9, 1), (55.0, 0), (75.0, 0), (75.1, 1), (0.0, 1), (None, 0)]
)
def test_an_uptake_time_outside_the_guideline_is_a_warning(minutes, count):
    assert len(uptake_warnings(Tracer("FDG", "F-18", True), minutes)) == count


def test_the_half_life_of_the_nuclide_stands_in_for_one_that_is_missing():
    half_life, lines = read_half_life(item(RadionuclideCodeSequence=code("C-111A1")))
    assert half_life == 6586.2
    assert "that of F-18 is taken" in lines[0]


@pytest.mark.parametrize(
    ("tags", "line"),
    [
        ({}, "is missing; export the PET again with it"),
        ({"RadionuclideHalfLife": "0"}, "is 0 s, which cannot be"),
        ({"RadionuclideHalfLife": "-6586"}, "which cannot be"),
        ({"RadionuclideHalfLife": "109.77"}, "the half-life of F-18 in minutes"),
        ({"RadionuclideHalfLife": "6586.2", "RadionuclideCodeSequence": code("C-131A3")}, "that of Ga-68"),
        ({"RadionuclideHalfLife": "109.77", "RadionuclideCodeSequence": code("C-111A1")}, r"\(minutes\?\)"),
    ],
)
def test_a_half_life_that_cannot_be_is_refused(tags, line):
    with pytest.raises(DataError, match=line):
        read_half_life(item(**tags))


@pytest.mark.parametrize(
    ("seconds", "count"), [("6586.2", 0), ("6600", 0), ("6582", 0), ("6700", 1), ("7000", 1)]
)
def test_a_half_life_near_that_of_its_nuclide_is_taken_from_the_header(seconds, count):
    half_life, lines = read_half_life(
        item(RadionuclideHalfLife=seconds, RadionuclideCodeSequence=code("C-111A1"))
    )
    assert half_life == float(seconds)
    assert len(lines) == count


def test_a_half_life_of_no_known_nuclide_is_a_warning():
    half_life, (line,) = read_half_life(item(RadionuclideHalfLife="5000"))
    assert half_life == 5000
    assert "is of no nuclide that PET sees" in line
