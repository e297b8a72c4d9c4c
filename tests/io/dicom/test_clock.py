from datetime import date, datetime, timedelta

import pytest

from cipa.io.dicom.clock import parse_date, parse_date_time, parse_offset, parse_time


@pytest.mark.parametrize(
    ("found", "seconds"),
    [
        *(("10", 36000), ("1030", 37800), ("103005", 37805), ("103005.25 ", 37805.25), ("10:30:05", 37805)),
        *(("103005.", 37805), ("103005.2500000", 37805.25), ("103005,25", 37805.25), ("10.30.05", 37805)),
        *(("10 30 05", 37805), ("10-30-05", 37805), ("9:05", 32700), ("103005\0", 37805)),
        *(("10:30:05 AM", 37805), ("1:30:05 pm", 48605), ("12:00:00 AM", 0), ("103005+0100", 37805)),
    ],
)
def test_times_of_every_precision_and_common_spelling_are_read(found, seconds):
    assert parse_time(found).since_midnight == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "found",
    [
        "",
        "1",
        "2400",
        "1060",
        "noon",
        "10300512",
        "90000",
        "905",
        "1030.5",
        "13:00 PM",
        "100000+2500",
    ],
)
def test_what_is_no_time_or_a_guess_is_none(found):
    assert parse_time(found) is None


@pytest.mark.parametrize(
    "found",
    ["20240229", "2024.02.29", "2024-02-29", "2024/2/29", "2024 02 29", " 20240229\0", "20240229103005"],
)
def test_dates_of_common_spellings_are_read(found):
    assert parse_date(found) == date(2024, 2, 29)


@pytest.mark.parametrize(
    "found", ["", "20230229", "202402", "29.02.2024", "02/03/2024", "2024-02.29", "Feb 2024"]
)
def test_what_is_no_date_or_a_guess_is_none(found):
    assert parse_date(found) is None


@pytest.mark.parametrize(
    ("found", "offset"),
    [("", None), ("+0200", 2), ("+02:00", 2), ("-0330", -3.5), ("Z", 0), ("+0000", 0), (" -05", -5)],
)
def test_date_times_keep_their_offset_from_utc(found, offset):
    for moment in ("20240502090000.50", "2024-05-02T09:00:00.50", "2024-05-02 09:00:00.5000000"):
        stamp = parse_date_time(moment + found)
        assert stamp.when == datetime(2024, 5, 2, 9, 0, 0, 500000)
        assert stamp.offset == (None if offset is None else timedelta(hours=offset))


def test_a_date_time_needs_an_hour():
    assert parse_date_time("2024050209-0500").when == datetime(2024, 5, 2, 9)
    assert parse_date_time("20240502") is None


@pytest.mark.parametrize("found", ["", "0100", "+1500", "-1300", "+0160", "CET"])
def test_what_is_no_offset_is_none(found):
    assert parse_offset(found) is None
