import struct
import zlib

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


def png(width, height, bits, colour, rows=b"", more=()):
    """Return a PNG by its own fields, which libraries would not write."""

    def chunk(kind, content):
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    chunks = [(b"IHDR", header), *more, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, content) for kind, content in chunks)


@pytest.mark.parametrize(
    ("colour", "name", "channels"), [(0, "grey", 1), (2, "RGB", 3), (4, "alpha", 2), (6, "alpha", 4)]
)
def test_sixteen_bits_are_refused_by_name_whatever_the_colour_type(tmp_path, colour, name, channels):
    rows = b"".join(b"\0" + bytes(8 * 2 * channels) for _ in range(8))
    (tmp_path / "a.png").write_bytes(png(8, 8, 16, colour, rows))
    with pytest.raises(DataError, match=rf"a\.png: more than 8 bits a pixel \(16 a channel, .*{name}"):
        read_grey(tmp_path / "a.png")


@pytest.mark.parametrize(("bits", "step"), [(1, 255), (2, 85), (4, 17), (8, 1)])
def test_grey_of_few_bits_spans_0_to_255(tmp_path, bits, step):
    levels = np.arange(2**bits)[:16] if bits < 8 else np.arange(16)
    packed = np.packbits(((levels[:, None] >> np.arange(bits)[::-1]) & 1).astype(np.uint8).ravel()).tobytes()
    (tmp_path / "a.png").write_bytes(png(len(levels), 1, bits, 0, b"\0" + packed))
    assert np.array_equal(read_grey(tmp_path / "a.png")[0], levels * step)


def test_an_image_larger_than_any_slice_is_refused_before_it_is_decoded(tmp_path):
    (tmp_path / "a.png").write_bytes(png(13_300, 13_300, 8, 0, bytes(1000)))
    with pytest.raises(DataError, match="13300 x 13300 pixels"):
        read_grey(tmp_path / "a.png")


def test_transparent_and_animated_images_are_refused(tmp_path):
    clear = np.dstack([NOISE, np.full_like(NOISE, 255)])
    clear[0, 0, 1] = 254
    Image.fromarray(clear, "LA").save(tmp_path / "clear.png")
    with pytest.raises(DataError, match="transparent"):
        read_grey(tmp_path / "clear.png")
    Image.fromarray(NOISE).save(
        tmp_path / "hole.png", transparency=int(NOISE[0, 0])
    )  # one grey stands for none
    with pytest.raises(DataError, match="transparent"):
        read_grey(tmp_path / "hole.png")
    frames = [Image.fromarray(NOISE), Image.fromarray(255 - NOISE)]
    frames[0].save(tmp_path / "moving.png", save_all=True, append_images=frames[1:])
    with pytest.raises(DataError, match="animation of 2"):
        read_grey(tmp_path / "moving.png")


def test_interlaced_images_are_read(tmp_path):
    passes = [
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    ]
    image = NOISE[:8, :8]
    rows = b"".join(
        b"\0" + row.tobytes() for x, y, dx, dy in passes for row in image[y::dy, x::dx] if row.size
    )
    content = bytearray(png(8, 8, 8, 0, rows))
    content[28] = 1
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    (tmp_path / "a.png").write_bytes(content)
    assert np.array_equal(read_grey(tmp_path / "a.png"), image)


def test_true_colour_is_refused(tmp_path):
    Image.fromarray(np.dstack([NOISE, NOISE, 255 - NOISE])).save(tmp_path / "fused.png")
    with pytest.raises(DataError, match=r"fused\.png: a colour image"):
        read_grey(tmp_path / "fused.png")


def damage(path, how):
    write_grey(path, NOISE)
    content = path.read_bytes()
    path.write_bytes({"cut": content[: len(content) // 2], "text": b"not an image", "empty": b""}[how])


@pytest.mark.parametrize(
    ("how", "words"),
    [("cut", "not a PNG image, or one damaged or cut short"), ("text", "not a PNG"), ("empty", "not a PNG")],
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
