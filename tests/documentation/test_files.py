"""The page of files and columns says what the code writes: no column more, none less, in their order."""

import csv
import json
import re
from pathlib import Path

import numpy as np
import pytest

from cipa.cli.main import main
from cipa.evaluation.patient import PatientProtocol
from cipa.evaluation.published import PublishedProtocol
from cipa.inference.followup.change import QUANTITIES, Change, match_row
from cipa.inference.followup.matching import Match
from cipa.inference.result import Prediction
from cipa.inference.save import LEFT_OUT_COLUMNS, LESION_COLUMNS
from cipa.io.volume import Volume
from cipa.models.config import CIPAConfig
from cipa.training.log import METRICS, VALIDATION
from page_supplies import Supplies

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "files.md").read_text()


def described(heading):
    """Return the names in the first cells of the table below a heading."""
    part = re.split(r"^##", PAGE.split(f"\n### {heading}\n")[1], flags=re.MULTILINE)[0]
    rows = re.findall(r"^\| (`[^|]*`) \|", part, re.MULTILINE)
    return tuple(name for row in rows for name in re.findall(r"`([^`]+)`", row))


def small_masks():
    mask = np.zeros((2, 8, 8), np.uint8)
    mask[:, 2:5, 2:5] = 1
    return mask, np.roll(mask, 1, axis=2)


def test_columns_of_lesions():
    assert described("`lesions.csv`") == LESION_COLUMNS
    assert described("`left_out.csv`") == LEFT_OUT_COLUMNS


def test_columns_of_a_patient():
    volume = Volume(np.zeros((2, 2, 2), np.float32), np.eye(4), None, "CT")
    mask = np.zeros((2, 2, 2), np.uint8)
    prediction = Prediction(mask, None, mask, volume, volume, [], facts={"study": "one"})
    assert described("`patient.csv`") == tuple(prediction.totals())
    assert described("`lesions.json`") == (
        "disclaimer",
        "patient",
        "lesions",
        "left_out",
        "warnings",
        "facts",
    )
    assert set(described("`lesions.json`")) == set(prediction.to_dict())


def test_columns_of_a_run():
    assert described("`metrics.csv`") == METRICS
    assert described("`validation.csv`") == VALIDATION


def test_columns_of_an_evaluation():
    prediction, truth = small_masks()
    published, patients = PublishedProtocol(), PatientProtocol(tolerance=2.0)
    for number in range(2):
        published.update(f"P_{number}", prediction[number], truth[number])
    row = patients.score_patient("P", prediction, truth, (3.0, 1.0, 1.0))
    result = published.result()
    assert described("`per_slice.csv`") == tuple(result.slices[0])
    assert described("`per_patient.csv`") == tuple(result.patients[0])
    assert described("`per_patient_3d.csv`") == tuple(row)


def test_columns_of_a_follow_up():
    changes = {name: Change(1.0, 2.0) for name in QUANTITIES}
    assert described("`matches.csv`") == tuple(match_row(Match("same", (1,), (1,), 2.0, True), changes))
    assert described("`totals.csv`") == ("quantity", *Change(1.0, 2.0).row("value"))


def test_settings_of_weights():
    config = CIPAConfig.of_variant("nano", image_size=128)
    assert set(described("`config.json`")) == set(vars(config))


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """One of each verb's outputs."""
    supplies = Supplies(tmp_path_factory.mktemp("supplies"))
    out = supplies.folder / "outputs"
    words = ["--weights", str(supplies.RUN), "--threshold", "0.999", "--device", "cpu", "--no-report"]
    names = ["--alias-table", str(out / "alias.csv")]
    assert main(["predict", str(supplies.STUDIES), *words, *names, "-o", str(out / "studies")]) == 0
    second = ["--pet-threshold", "41%", "-o", str(supplies.folder / "threshold")]
    assert main(["evaluate", str(supplies.DATA), *second]) == 0
    runs = [str(supplies.TEST), str(supplies.folder / "threshold")]
    assert main(["compare", *runs, "-o", str(out / "comparison")]) == 0
    return supplies.folder


NAMES = {"patients.csv": "`patient.csv`", "alias.csv": "The alias table (`--alias-table FILE`)"}
"""Headings of files that are described under another name."""


@pytest.mark.slow
def test_every_table_that_is_written_is_described(outputs):
    tables = sorted(outputs.rglob("*.csv"))
    assert len({table.name for table in tables}) >= 10
    for table in tables:
        with table.open(newline="") as file:
            assert described(NAMES.get(table.name, f"`{table.name}`")) == tuple(next(csv.reader(file))), table


@pytest.mark.slow
def test_every_key_of_a_summary_is_described(outputs):
    settings = set(described("`config.json`"))
    keys = set(json.loads((outputs / "test" / "summary.json").read_text()))
    assert keys - settings - {"intervals_note"} <= set(described("`summary.json`"))
    facts = json.loads(next((outputs / "outputs" / "studies").rglob("lesions.json")).read_text())["facts"]
    assert set(facts) <= set(described("`facts` in `lesions.json`"))


@pytest.mark.slow
def test_every_key_of_a_data_set_is_described(outputs):
    found = json.loads((outputs / "data" / "metadata.json").read_text())
    assert described("`metadata.json`") == tuple(found)
    assert described("`patients` in `metadata.json`") == tuple(next(iter(found["patients"].values())))
