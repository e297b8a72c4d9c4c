import numpy as np
import pytest
from PIL import Image

from cipa.errors import DataError
from cipa.io.png import read_grey, write_grey

NOISE = np.random.default_rng(0).integers(0, 256, (24, 40), dtype=np.uint8)


def test_what_is_written_is_read_back(tmp_path):
    write_grey(tmp_path / "deep" / "a.png", NOISE)
    assert np.array_equal(read_grey(tmp_path / "deep" / "a.png"), NOISE)


def test_sixteen_bits_survive_writing_and_are_refused_as_input(tmp_path):
    ramp = np.arange(24 * 40, dtype=np.uint16).reshape(24, 40) * 60
    write_grey(tmp_path / "p.png", ramp)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "p.png")), ramp)
    with pytest.raises(DataError, match=r"p\.png: more than 8 bits.*0-255"):
        read_grey(tmp_path / "p.png")


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P"])
def test_grey_saved_in_colour_is_read_as_grey(tmp_path, mode):
    Image.fromarray(NOISE).convert(mode).save(tmp_path / "a.png")
    assert np.array_equal(read_grey(tmp_path / "a.png"), NOISE)


def test_true_colour_is_refused(tmp_path):
    Image.fromarray(np.dstack([NOISE, NOISE, 255 - NOISE])).save(tmp_path / "fused.png")
    with pytest.raises(DataError, match=r"fused\.png: a colour image"):
        read_grey(tmp_path / "fused.png")


def damage(path, how):
    write_grey(path, NOISE)
    content = path.read_bytes()
    path.write_bytes({"cut": content[: len(content) // 2], "text": b"not an image", "empty": b""}[how])


@pytest.mark.parametrize(
    ("how", "words"), [("cut", "damaged or cut short"), ("text", "not a PNG"), ("empty", "not a PNG")]
)
def test_damaged_file_is_named_in_one_line(tmp_path, how, words):
    damage(tmp_path / "bad.png", how)
    with pytest.raises(DataError, match=rf"bad\.png: {words}") as caught:
        read_grey(tmp_path / "bad.png")
    assert "\n" not in str(caught.value)


def test_jpeg_under_the_name_of_a_png_is_refused(tmp_path):
    Image.fromarray(NOISE).save(tmp_path / "lossy.png", format="JPEG")
    with pytest.raises(DataError, match="not a PNG"):
        read_grey(tmp_path / "lossy.png")


def test_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"absent\.png: no such file"):
        read_grey(tmp_path / "absent.png")


def test_floats_are_not_silently_cut_to_bytes(tmp_path):
    with pytest.raises(ValueError, match="float"):
        write_grey(tmp_path / "a.png", NOISE / 255)
    assert not list(tmp_path.iterdir())
