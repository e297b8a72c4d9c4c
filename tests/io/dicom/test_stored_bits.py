"""Bits beside the value, and padding, in every transfer syntax: the same HU as without them."""

import imagecodecs
import numpy as np
import pytest
from pydicom import dcmread
from pydicom.datadict import dictionary_VR
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from cipa.io.dicom.study import read_study
from cipa.io.dicom.volumes import read_pet_ct
from dicom_files import header, write_series

SHAPE = (24, 20, 3)
ENCODERS = {
    JPEGLSLossless: imagecodecs.jpegls_encode,
    JPEG2000Lossless: lambda cells: imagecodecs.jpeg2k_encode(
        cells, level=0, reversible=True, codecformat="j2k"
    ),
    JPEGLosslessSV1: lambda cells: imagecodecs.ljpeg_encode(cells, bitspersample=16),
}
SYNTAXES = [
    *(ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian),
    *(RLELossless, *ENCODERS),
]


def store(file, cells, syntax, **tags):
    """Write a file's pixels anew: `cells` (rows, columns) of 16 bits, every one of them kept."""
    one = dcmread(file)
    for name, value in tags.items():
        is_pixel = "Padding" in name or "ImagePixelValue" in name
        one.add_new(name, ("SS" if value < 0 else "US") if is_pixel else dictionary_VR(name), value)
    list(one)  # converts all that is raw, in the order of bytes of the file
    one.PixelData = cells.astype("<u2").tobytes()
    one["PixelData"].VR = "OW"
    if syntax == RLELossless:
        bits = one.BitsStored, one.HighBit
        one.BitsStored, one.HighBit = 16, 15
        one.compress(RLELossless, generate_instance_uid=False)
        one.BitsStored, one.HighBit = bits
    elif syntax in ENCODERS:
        one.PixelData = encapsulate([ENCODERS[syntax](np.ascontiguousarray(cells.astype(np.uint16)))])
        one["PixelData"].VR = "OB"
        one["PixelData"].is_undefined_length = True
    elif syntax == ExplicitVRBigEndian:
        one.PixelData = cells.astype(">u2").tobytes()
    one.file_meta.TransferSyntaxUID = syntax
    is_implicit, is_little = syntax.is_implicit_VR, syntax != ExplicitVRBigEndian
    one._read_implicit, one._read_little = is_implicit, is_little
    one.save_as(file, implicit_vr=is_implicit, little_endian=is_little, enforce_file_format=True)


def hu_of(folder, cells, syntax, **tags):
    """Return the HU and warnings of a CT whose pixels are `cells` (columns, rows, slices)."""
    write_series(folder, "PT", np.ones(SHAPE))
    for index, file in enumerate(write_series(folder, "CT", np.zeros(SHAPE))):
        store(file, cells[:, :, index].T, syntax, **tags)
    pair = read_pet_ct(read_study(folder))
    return pair.ct.array, pair.warnings


@pytest.fixture
def values():
    return np.random.default_rng(0).integers(0, 4096, SHAPE)


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: syntax.name)
def test_an_overlay_above_the_bits_stored_is_left_out_and_said(tmp_path, values, syntax):
    cells = values | (np.arange(values.size).reshape(SHAPE) % 4 << 12)
    found, lines = hu_of(tmp_path, cells, syntax, BitsStored=12, HighBit=11)
    assert np.array_equal(found, values - 1024)
    assert "in 3 slices, bits beyond Bits Stored (0028,0101) are set and left out" in lines[0]


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: syntax.name)
def test_values_below_the_high_bit_are_found(tmp_path, values, syntax):
    found, _ = hu_of(tmp_path, (values << 4) | 5, syntax, BitsStored=12, HighBit=15)
    assert np.array_equal(found, values - 1024)


@pytest.mark.parametrize("spare", [0x0000, 0x3000, 0xF000])
@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: syntax.name)
def test_the_sign_is_that_of_the_bits_stored(tmp_path, values, syntax, spare):
    signed = values - 2048
    cells = (signed & 0x0FFF) | spare
    tags = {"BitsStored": 12, "HighBit": 11, "PixelRepresentation": 1, "RescaleIntercept": 0}
    found, _ = hu_of(tmp_path, cells, syntax, **tags)
    assert np.array_equal(found, signed)


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: syntax.name)
@pytest.mark.parametrize(
    ("marker", "tags"),
    [
        (65535, {"PixelPaddingValue": 65535}),
        (63000, {"PixelPaddingValue": 62000, "PixelPaddingRangeLimit": 64000}),
        (63000, {"PixelPaddingValue": 64000, "PixelPaddingRangeLimit": 62000}),
    ],
)
def test_padding_is_air(tmp_path, values, syntax, marker, tags):
    cells = values.copy()
    cells[:5] = marker
    found, lines = hu_of(tmp_path, cells, syntax, **tags)
    assert np.all(found[:5] == -1024)
    assert np.array_equal(found[5:], values[5:] - 1024)
    assert lines == ()


def test_padding_above_the_bits_stored_is_air(tmp_path, values):
    cells = values.copy()
    cells[:5] = 0xF830  # -2000 in 16 bits
    found, lines = hu_of(
        tmp_path, cells, ExplicitVRLittleEndian, BitsStored=12, HighBit=11, PixelPaddingValue=0xF830
    )
    assert np.all(found[:5] == -1024)
    assert np.array_equal(found[5:], values[5:] - 1024)
    assert lines == ()


def test_padding_below_air_stays_as_low_as_it_is(tmp_path, values):
    cells = (values - 1024) & 0xFFFF
    cells[:5] = -2000 & 0xFFFF
    tags = {"PixelRepresentation": 1, "RescaleIntercept": 0, "PixelPaddingValue": -2000}
    found, _ = hu_of(tmp_path, cells, ExplicitVRLittleEndian, **tags)
    assert np.all(found[:5] == -2000)


def test_padding_that_tissue_has_too_is_not_believed(tmp_path, values):
    found, lines = hu_of(tmp_path, values, ExplicitVRLittleEndian, PixelPaddingValue=1024)
    assert np.array_equal(found, values - 1024)
    assert "Pixel Padding Value (0028,0120) 1024 is a value that tissue has too" in lines[0]


def test_pixels_outside_what_the_header_says_they_span_are_said(tmp_path, values):
    tags = {"SmallestImagePixelValue": 0, "LargestImagePixelValue": 99}
    _, lines = hu_of(tmp_path, values, ExplicitVRLittleEndian, **tags)
    assert "pixels of 3 slices lie outside" in lines[0]


@pytest.mark.parametrize(
    "tags",
    [
        *({"BitsStored": 0}, {"BitsStored": 17}, {"HighBit": 3}, {"HighBit": 16}, {"BitsAllocated": 12}),
        *({"PixelRepresentation": 2}, {"PixelRepresentation": None}),
    ],
)
def test_bits_that_cannot_be_are_refused_by_name(tmp_path, tags):
    write_series(tmp_path, "CT", np.zeros(SHAPE), **tags)
    (series,) = read_study(tmp_path).series
    assert "(0028,010" in series.problems[0]


def test_a_number_of_bits_as_large_as_text_is_no_crash(tmp_path):
    write_series(tmp_path, "CT", np.zeros(SHAPE))
    for file in tmp_path.iterdir():
        file.write_bytes(
            file.read_bytes().replace(b"\x28\0\x01\x01US\x02\0\x10\0", b"\x28\0\x01\x01US\x02\0 9")
        )
    (series,) = read_study(tmp_path).series
    assert "Bits Stored (0028,0101) is" in series.problems[0]


def test_negative_pet_becomes_zero_and_is_counted(tmp_path):
    values = np.full(SHAPE, 1000)
    values[0, :2, 1] = -30
    write_series(tmp_path, "CT", np.zeros(SHAPE))
    write_series(tmp_path, "PT", values & 0xFFFF, PixelRepresentation=1)
    pair = read_pet_ct(read_study(tmp_path))
    assert pair.pet.array.min() == 0
    assert "2 voxels (0.14%) below 0, the lowest SUV -0.00876: taken as 0" in pair.warnings[0]


def test_inverted_display_is_no_inverted_value(tmp_path, values):
    found, _ = hu_of(tmp_path, values, ExplicitVRLittleEndian, PhotometricInterpretation="MONOCHROME1")
    assert np.array_equal(found, values - 1024)
    series = next(one for one in read_study(tmp_path).series if one.modality == "CT")
    assert "MONOCHROME1" in series.warnings[0]


def test_a_header_without_padding_has_none():
    assert "PixelPaddingValue" not in header("CT")
