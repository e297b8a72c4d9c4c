from cipa.report.facts import fact_rows


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
