"""Tables of patients that were not learnt from."""

from pathlib import Path

import pytest
from recipes.patients.table import by_network, pairs_table, read_csv, scores_table, write_csv

RESULTS = Path(__file__).parents[2] / "docs" / "results"


def _row(network, patient, dice):
    counts = {"tp": 10, "fp": 2, "fn": 3}
    lesions = {"lesions": 1.0, "found": 1.0, "predicted": 2.0, "right": 1.0}
    return (
        {"network": network, "run": "0", "patient": patient, **counts}
        | {"dice": dice, "false_ml": 1.0, "truth_ml": 9.0}
        | lesions
    )


def test_a_patient_scored_twice_by_a_network_is_refused():
    with pytest.raises(ValueError, match="tiny: patient P1 is there twice"):
        by_network([_row("tiny", "P1", 0.5), _row("tiny", "P1", 0.6)])


def test_networks_are_paired_on_the_patients_of_both():
    rows = [_row("tiny", f"P{n}", 0.5) for n in range(9)] + [_row("other", f"P{n}", 0.6) for n in range(2, 8)]
    line = pairs_table(rows, "tiny").splitlines()[-1]
    assert line.startswith("| other | 6 | +10.0")
    assert "0.031" in line  # all six of a sign: 2 / 2^6


def test_rows_are_read_as_they_were_written(tmp_path):
    rows = [_row("tiny", "P1", 0.5)]
    write_csv(tmp_path / "rows.csv", rows)
    assert read_csv(tmp_path / "rows.csv") == rows


@pytest.mark.parametrize("name", ["sts-five-folds", "sts-cooled", "phantoms"])
def test_the_page_shows_the_table_of_its_rows(name):
    rows = read_csv(RESULTS / f"{name}.csv")
    page = (RESULTS.parent / "results.md").read_text(encoding="utf-8")
    pairs = pairs_table(rows, "tiny").splitlines() if name == "sts-five-folds" else []
    for line in [*scores_table(rows).splitlines(), *pairs]:
        assert line in page
