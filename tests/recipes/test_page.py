"""The page of all rows: changed between its marks alone, with every table and the curves."""

from recipes.sts.page import BEGIN, END, write_tables


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
