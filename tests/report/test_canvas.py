import numpy as np
import pytest
from PIL import Image

from cipa.report.canvas import Canvas, Frame, _dots

INK = "#000000"


def dark(canvas):
    """How much of each pixel is ink, 0 to 1."""
    return 1 - np.asarray(canvas.image.convert("L")) / 255


def test_places_in_millimetres_fall_on_pixels_of_the_frame():
    frame = Frame(10, 20, 100, 50, (0.0, 200.0, 0.0, 100.0))
    assert frame.place(0.0, 100.0) == (10, 20)
    assert frame.place(200.0, 0.0) == (110, 70)
    assert frame.pixels_per_mm == 0.5
    assert frame.part(0.5, 1.0) == (60, 70)


def test_a_line_has_its_width_in_points_and_smooth_edges():
    canvas = Canvas(1, 1, 144)
    canvas.lines([np.array([[20.0, 50.25], [120.0, 50.25]])], INK, 1.5)  # 3 pixels
    column = dark(canvas)[:, 70]
    assert column.sum() == pytest.approx(3, abs=0.3)
    assert (column * np.arange(144)).sum() / column.sum() + 0.5 == pytest.approx(50.25, abs=0.15)
    assert ((column > 0.05) & (column < 0.95)).any()


def test_lines_are_cut_at_their_frame_and_the_picture_s_border():
    canvas = Canvas(1, 1, 100)
    frame = Frame(40, 40, 20, 20, (0.0, 1.0, 1.0, 0.0))
    canvas.lines([np.array([[-50.0, 50.0], [150.0, 50.0]])], INK, 2, frame)
    rows, columns = np.nonzero(dark(canvas))
    assert (columns.min(), columns.max()) == (40, 59)
    assert np.ptp(rows) <= 3
    before = dark(canvas).sum()
    canvas.lines([np.array([[300.0, 300.0], [400.0, 300.0]]), np.zeros((0, 2))], INK, 2)
    assert dark(canvas).sum() == before


def test_dots_follow_the_line_and_leave_gaps():
    line = np.array([[0.0, 0.0], [10.0, 0.0], [10.0, 10.0]])
    dots = _dots(line, 1.0, 3.0)
    assert len(dots) == 5
    assert dots[0].tolist() == [[0, 0], [1, 0]]
    assert dots[3].tolist() == [[10, 2], [10, 3]]
    canvas = Canvas(1, 1, 72)
    canvas.dotted_lines([np.array([[5.0, 30.0], [65.0, 30.0]])], INK, 1)
    assert dark(canvas)[28:33].sum() == pytest.approx(60 / 2.65, rel=0.3)


def test_words_stand_at_their_anchor_with_a_halo_about_them():
    canvas = Canvas(1, 1, 100)
    canvas.image.paste("black", (0, 0, 100, 100))
    canvas.words((50, 50), "H", 20, "red", "mm", bold=True, halo=(2, "white"))
    picture = np.asarray(canvas.image).astype(int)
    red = (picture[..., 0] > 200) & (picture[..., 1] < 60)
    white = picture.min(axis=2) > 200
    for found in (red, white):
        rows, columns = np.nonzero(found)
        assert (rows.min() + rows.max()) / 2 == pytest.approx(50, abs=3)
        assert (columns.min() + columns.max()) / 2 == pytest.approx(50, abs=3)
    assert np.ptp(np.nonzero(white)[0]) >= np.ptp(np.nonzero(red)[0]) + 4


def test_names_in_other_scripts_are_drawn_too():
    """Each letter has its own shape, where a font without it shows one box for all."""
    pictures = []
    for word in ("Ж", "Ω", "ł"):
        canvas = Canvas(0.5, 0.5, 100)
        canvas.words((25, 25), word, 20, INK, "mm")
        pictures.append(dark(canvas))
    assert all(picture.any() for picture in pictures)
    assert not np.array_equal(pictures[0], pictures[1])
    assert not np.array_equal(pictures[1], pictures[2])


def test_a_picture_that_cannot_be_written_leaves_nothing(tmp_path, monkeypatch):
    def full(*_args, **_options):
        raise OSError(28, "No space left on device")

    Canvas(1, 1, 50).save(tmp_path / "one.png")
    with Image.open(tmp_path / "one.png") as image:
        assert image.size == (50, 50)
        assert image.info["dpi"] == pytest.approx((50, 50), abs=0.1)
    monkeypatch.setattr(Image.Image, "save", full)
    with pytest.raises(OSError, match="No space"):
        Canvas(1, 1, 50).save(tmp_path / "two.png")
    assert [path.name for path in tmp_path.iterdir()] == ["one.png"]
