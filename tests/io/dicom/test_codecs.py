"""Every compressed syntax is decoded by one library: exactly, or not at all where a frame is damaged."""

import imagecodecs
import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import (
    JPEG2000,
    HTJ2KLossless,
    JPEG2000Lossless,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
)

from cipa.errors import DataError
from cipa.io.dicom.codecs import CODECS, NAME
from cipa.io.dicom.frame_header import FrameHeader, read_frame_header
from cipa.io.dicom.study import read_study
from cipa.io.dicom.syntax import decoder_of
from cipa.io.dicom.volumes import read_pet_ct
from dicom_files import write_series

SHAPE = (24, 20, 3)


def jpeg(predictor):
    """Encode by libjpeg-turbo, which shares no code with the decoder under test."""
    return lambda cells: imagecodecs.jpeg8_encode(cells, lossless=True, bitspersample=12, predictor=predictor)


def jpeg_2000(cells):
    return imagecodecs.jpeg2k_encode(cells, level=0, reversible=True, codecformat="j2k", bitspersample=12)


CASES = {
    "JPEG Lossless, first predictor": (JPEGLosslessSV1, jpeg(1)),
    **{f"JPEG Lossless, predictor {n}": (JPEGLossless, jpeg(n)) for n in range(1, 8)},
    "JPEG-LS": (JPEGLSLossless, imagecodecs.jpegls_encode),
    "JPEG 2000": (JPEG2000Lossless, jpeg_2000),
    "JPEG 2000, maybe lossy": (JPEG2000, jpeg_2000),
    "JPEG 2000, in JP2's boxes": (
        JPEG2000Lossless,
        lambda cells: imagecodecs.jpeg2k_encode(cells, level=0, reversible=True, codecformat="jp2"),
    ),
    "JPEG 2000, high throughput": (
        HTJ2KLossless,
        lambda cells: imagecodecs.htj2k_encode(cells, reversible=True),
    ),
}
every_case = pytest.mark.parametrize(("syntax", "encode"), CASES.values(), ids=CASES)


def write_compressed(folder, values, syntax, encode, spoil=lambda frame: frame):
    """Write a study whose CT is compressed; `spoil` changes each frame."""
    write_series(folder, "PT", np.ones(values.shape))
    for index, file in enumerate(write_series(folder, "CT", values)):
        one = dcmread(file)
        cells = np.ascontiguousarray(values[:, :, index].T.astype(np.uint16))
        one.PixelData = encapsulate([spoil(encode(cells))])
        one["PixelData"].VR = "OB"
        one["PixelData"].is_undefined_length = True
        one.file_meta.TransferSyntaxUID = syntax
        one.save_as(file)


@pytest.fixture
def values():
    return np.random.default_rng(0).integers(0, 4000, SHAPE)


@every_case
def test_pixels_are_those_that_were_compressed(tmp_path, values, syntax, encode):
    write_compressed(tmp_path, values, syntax, encode)
    pair = read_pet_ct(read_study(tmp_path))
    assert np.array_equal(pair.ct.array, values - 1024)


@every_case
def test_a_frame_that_was_cut_short_is_never_filled_up(tmp_path, values, syntax, encode):
    write_compressed(tmp_path, values, syntax, encode, lambda frame: frame[: int(0.9 * len(frame))])
    with pytest.raises(DataError):
        read_pet_ct(read_study(tmp_path))


@every_case
def test_a_frame_of_another_size_is_refused_before_memory_is_taken(
    tmp_path, values, syntax, encode, monkeypatch
):
    write_compressed(tmp_path, values, syntax, lambda cells: encode(np.repeat(cells, 2, axis=0)))

    def fail(frame):
        pytest.fail("decoded")

    monkeypatch.setattr(imagecodecs, f"{CODECS[syntax]}_decode", fail)
    with pytest.raises(DataError):
        read_pet_ct(read_study(tmp_path))


@pytest.mark.parametrize("syntax", CODECS, ids=lambda syntax: syntax.name)
def test_the_decoder_is_the_one_that_lets_other_threads_run(syntax):
    header = Dataset()
    header.file_meta = FileMetaDataset()
    header.file_meta.TransferSyntaxUID = syntax
    assert decoder_of(header) == NAME


@every_case
def test_the_header_of_a_frame_says_its_size(values, syntax, encode):
    found = read_frame_header(encode(np.ascontiguousarray(values[:, :, 0].T.astype(np.uint16))))
    assert found in (FrameHeader(12, 20, 24), FrameHeader(16, 20, 24))


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xd8", b"\xff\xd8\xff\xc3\x00", b"\xff\x4f\xff\x51\x00", b"text"]
)
def test_a_frame_without_a_header_has_none(content):
    assert read_frame_header(content) is None
