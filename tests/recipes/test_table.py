"""Rows to tables: seeds pooled, patients paired, in the order of the rows."""

from recipes.sts.table import read_rows, scores_table


def test_the_networks_come_in_the_order_of_the_rows_and_seeds_are_pooled(folder):
    assert list(read_rows(folder)) == ["tiny", "unet", "PET SUV 2.5"]
    lines = scores_table(read_rows(folder)).splitlines()
    iou = 100 * 170 / 220
    assert lines[2].startswith(f"| tiny | 2 | {iou:.1f} [{iou:.1f}, {iou:.1f}] | 72.7, 81.8 |")


def test_patients_are_paired_with_the_first_network_and_p_is_corrected(folder):
    lines = scores_table(read_rows(folder)).splitlines()
    assert lines[2].endswith("|  |")
    assert "| -25.0 [-25.0, -25.0], 0.062 |" in lines[3]  # 2 / 2^6, times two comparisons


def test_rows_scored_on_held_out_training_patients_stay_out(folder):
    path = folder / "tiny-0" / "row.json"
    path.write_text(path.read_text().replace("test patients", "held-out training patients"))
    assert len(read_rows(folder)["tiny"]) == 1
