import pytest

from cipa.report.facts import fact_rows, tracer_line


def test_values_are_grouped_in_a_fixed_order_and_said_in_words():
    facts = {
        "study": "not here",
        "version": "1.2",
        "suv": {"factor": 0.5, "factors": [0.5] * 300, "range": [0.0, 6.5]},
        "model": {"variant": "nano", "crm": True, "parameters": 1529813},
        "options": {"smallest_ml": 0.2},
        "ct": {"vendor": "ACME", "spacing_mm": [0.9765625, 0.9765625, 3.27], "scanner": ""},
        "seconds": 12.345678,
        "extra_part": {"inner": {"deep": 1.5}},
    }
    assert fact_rows(facts) == [
        ("CT", "manufacturer", "ACME"),
        ("CT", "voxel x × y × z, mm", "0.977 × 0.977 × 3.27"),
        ("SUV", "SUV per stored unit", "0.5"),
        ("SUV", "lowest to highest", "0 to 6.5"),
        ("Model", "variant", "nano"),
        ("Model", "CRM", "yes"),
        ("Model", "parameters", "1,529,813"),
        ("Options", "smallest lesion kept, mL", "0.2"),
        ("Run", "CIPA version", "1.2"),
        ("Run", "computing time, s", "12.3"),
        ("extra part", "inner", "deep 1.5"),
    ]


def test_nothing_is_said_of_what_is_not_known():
    assert fact_rows({"ct": {"vendor": None}, "options": {}, "device": ""}) == []


@pytest.mark.parametrize(
    ("tracer", "nuclide", "minutes", "line"),
    [
        (
            "Fluorodeoxyglucose",
            "F-18",
            158.7,
            "Fluorodeoxyglucose (F-18), scanned 159 min after the injection",
        ),
        ("PSMA-11", "", 60.0, "PSMA-11, scanned 60 min after the injection"),
        ("", "Ga-68", None, "Ga-68, uptake time not known"),
        ("", "", None, "not named in the header, uptake time not known"),
    ],
)
def test_tracer_and_uptake_time_are_one_line(tracer, nuclide, minutes, line):
    assert tracer_line({"tracer": tracer, "nuclide": nuclide, "uptake_minutes": minutes}) == line


def test_pet_without_a_header_has_no_line_about_the_tracer():
    assert tracer_line({"how": "PET given in SUV"}) == ""
