"""Rows to tables: seeds pooled, patients paired, the page changed between its marks alone."""

import math

import pytest
from recipes.sts.page import BEGIN, END, write_tables
from recipes.sts.run import write_row
from recipes.sts.table import read_rows, scores_table

from cipa.evaluation.patient import METRICS

PATIENTS = [f"P{number}" for number in range(6)]


def row(folder, name, seed, tp, *, cost=True, stress=False):
    """Write a row in which every patient has `tp` of 100 pixels found and 10 wrong ones."""
    scores = {**dict.fromkeys(METRICS, 0.5), "dice": tp / 100, "lesion_precision": math.nan}
    patients = {each: {"tp": tp, "fp": 10, "fn": 100 - tp, "tn": 1000, **scores} for each in PATIENTS}
    content = {
        "row": name,
        "seed": seed,
        "scored_on": "test patients",
        "steps": 12,
        "parameters": 2_000_000,
        "pooled": {"iou": tp / 110, "dice": 0.0, "acc": 0.0, "hd95": 4.0},
        "patients": patients,
    }
    if cost:
        spent = {"training_seconds": 30.0 + seed, "training_energy_wh": None, "peak_memory_mib": 2048.0}
        content |= {"cost": spent, "hardware": {"gpu": "a GPU", "processor": "a CPU"}}
    if stress:
        content["stress"] = {"CT alone": {"pooled": {"iou": 0.25}}}
    write_row(folder / f"{name}-{seed}" / "row.json", content)


@pytest.fixture
def folder(tmp_path):
    row(tmp_path, "unet", 0, 60)
    row(tmp_path, "tiny", 0, 80, stress=True)
    row(tmp_path, "tiny", 1, 90, stress=True)
    row(tmp_path, "PET SUV 2.5", 0, 20, cost=False)
    return tmp_path


def test_the_networks_come_in_the_order_of_the_rows_and_seeds_are_pooled(folder):
    assert list(read_rows(folder)) == ["tiny", "unet", "PET SUV 2.5"]
    lines = scores_table(read_rows(folder)).splitlines()
    iou = 100 * 170 / 220
    assert lines[2].startswith(f"| tiny | 2 | {iou:.1f} [{iou:.1f}, {iou:.1f}] | 72.7, 81.8 |")


def test_patients_are_paired_with_the_first_network_and_p_is_corrected(folder):
    lines = scores_table(read_rows(folder)).splitlines()
    assert lines[2].endswith("|  |")
    assert "| -25.0 [-25.0, -25.0], 0.062 |" in lines[3]  # 2 / 2^6, times two comparisons


def test_cost_and_harder_slices_are_shown_where_there_are_any(folder):
    text = write_tables(folder)
    assert "| tiny | 2.00 M | 12 | 30 | - | 2.0 | a GPU |" in text
    assert "| tiny | 77.3 | 25.0 |" in text
    assert text.count("PET SUV 2.5") == 2  # scores and patients


def test_the_page_is_changed_between_its_marks(folder, tmp_path):
    page = tmp_path / "results.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    write_tables(folder, page)
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert "| tiny | 2 |" in text


def test_rows_scored_on_held_out_training_patients_stay_out(folder):
    path = folder / "tiny-0" / "row.json"
    path.write_text(path.read_text().replace("test patients", "held-out training patients"))
    assert len(read_rows(folder)["tiny"]) == 1


def test_every_patient_is_shown_and_the_losses_are_drawn(folder, tmp_path):
    (folder / "tiny-1" / "loss.csv").write_text("step,loss,seconds\n4,2.0,1\n8,1.0,2\n")
    page = tmp_path / "pages" / "results.md"
    page.parent.mkdir()
    page.write_text(f"{BEGIN}\n{END}\n")
    text = write_tables(folder, page)
    assert "| pixels of tumour | 100 | 100 | 100 | 100 | 100 | 100 |" in text
    assert "| tiny | 85 | 85 | 85 | 85 | 85 | 85 |" in text
    assert "(../curves.png)" in text
    assert (folder / "curves.png").read_bytes().startswith(b"\x89PNG")
