"""Clocks that disagree: zones, midnight, spellings, and what stands in for a tag that is missing."""

from functools import partial

import pytest

from cipa.errors import DataError
from cipa.io.dicom.suv import compute_suv_scale
from dicom_files import header

HALF_LIFE = 6586.2
RIGHT = 70e3 / (350e6 * 2 ** (-3600 / HALF_LIFE))
DATE_TIME, TIME = "RadiopharmaceuticalStartDateTime", "RadiopharmaceuticalStartTime"


def pet(injected=None, **tags):
    """PET injected at 09:00 and scanned at 10:00, with other tags of header and tracer."""
    one = header("PT")
    for name, value in tags.items():
        put(one, name, value)
    for name, value in (injected or {}).items():
        put(one.RadiopharmaceuticalInformationSequence[0], name, value)
    return one


def put(one, name, value):
    if value is None:
        delattr(one, name)
    else:
        one.add_new(name, "LO", value)


def scale(*headers):
    return compute_suv_scale(headers)


def is_right(found):
    return found.factors == pytest.approx([RIGHT] * len(found.factors), rel=1e-9)


@pytest.mark.parametrize(
    ("zone", "stamp"),
    [
        *(("+0900", "20240502000000.00+0000"), ("+0900", "20240502090000+0900"), ("+0900", "20240502090000")),
        *(
            ("-0500", "20240502140000Z"),
            ("+0530", "2024-05-02T03:30:00+00:00"),
            ("-0930", "20240502193000+0100"),
        ),
        *((None, "20240502090000+0200"), (None, "20240502000000+0000"), (None, "20240502033000+0000")),
    ],
)
def test_a_date_time_is_brought_to_the_clock_of_the_scan(zone, stamp):
    found = scale(pet({DATE_TIME: stamp}, **({"TimezoneOffsetFromUTC": zone} if zone else {})))
    assert is_right(found)
    guessed = zone is None and "+0000" in stamp
    assert (
        any("Timezone Offset From UTC (0008,0201) is missing" in line for line in found.warnings) == guessed
    )


def test_the_zone_can_be_told_by_the_acquisition():
    found = scale(pet({DATE_TIME: "20240501230000Z"}, AcquisitionDateTime="20240502100000+1000"))
    assert is_right(found)
    assert found.warnings == ()


def test_utc_dates_across_midnight_are_brought_back():
    late = {"SeriesTime": "003000", "AcquisitionTime": "003000", "TimezoneOffsetFromUTC": "+0900"}
    assert is_right(scale(pet({DATE_TIME: "20240501143000+0000", TIME: "233000"}, **late)))


def test_a_zone_that_is_none_is_refused_by_name():
    with pytest.raises(DataError, match=r"Timezone Offset From UTC \(0008,0201\) is '\+2500'"):
        scale(pet({DATE_TIME: "20240502090000Z"}, TimezoneOffsetFromUTC="+2500"))


@pytest.mark.parametrize(
    "time", ["100000.0000000", "100000.", "10:00:00", "10.00.00", "100000+0100", "1000", "10"]
)
@pytest.mark.parametrize("tag", ["SeriesTime", "AcquisitionTime"])
def test_a_time_in_another_spelling_is_the_same_time(tag, time):
    others = {"AcquisitionTime": "100000"} | {tag: time}
    found = scale(pet(**others))
    assert is_right(found)
    assert found.warnings == ()


@pytest.mark.parametrize(
    "date", ["2024.05.02", "2024-05-02", "2024/05/02", "20240502 ", "20240502\\20240502"]
)
@pytest.mark.parametrize("tag", ["SeriesDate", "AcquisitionDate"])
def test_a_date_in_another_spelling_is_the_same_date(tag, date):
    assert is_right(scale(pet(**{tag: date})))


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        *(
            ("SeriesTime", "25:00"),
            ("SeriesTime", "90000"),
            ("SeriesDate", "05/02/2024"),
            ("SeriesDate", "20241302"),
        ),
        *(("AcquisitionTime", "1:2:3"), ("AcquisitionDate", "0"), ("SeriesTime", "100000\\110000")),
    ],
)
def test_a_malformed_date_or_time_is_refused_and_not_taken_as_absent(tag, value):
    with pytest.raises(DataError) as error:
        scale(pet(**{tag: value}))
    assert value.split("\\")[0] in str(error.value)
    assert "(0008,00" in str(error.value)


def test_words_in_a_time_are_not_quoted():
    with pytest.raises(DataError) as error:
        scale(pet(SeriesTime="JANE"))
    assert "JANE" not in str(error.value)


def test_a_missing_series_date_is_that_of_the_first_frame():
    found = scale(pet(SeriesDate=None, AcquisitionTime="103000"))
    assert is_right(found)
    assert "Series Date (0008,0021) is missing" in found.warnings[0]
    night = {"SeriesTime": "235000", "AcquisitionTime": "001000", "AcquisitionDate": "20240503"}
    assert is_right(scale(pet({TIME: "225000"}, SeriesDate=None, **night)))


def test_any_other_reference_than_the_series_is_a_warning():
    for tags in ({"SeriesTime": None}, {"SeriesTime": "170000"}):
        found = scale(pet(**tags))
        assert is_right(found)
        assert "decay is computed to earliest Acquisition Time (0008,0032)" in found.warnings[0]
    ge = pet(SeriesTime="170000")
    ge.private_block(0x0009, "GEMS_PETD_01", create=True).add_new(0x0D, "DT", "20240502100000.00")
    assert "GE private (0009,100D)" in scale(ge).warnings[0]


def test_a_series_cut_to_whole_seconds_may_begin_after_its_first_frame():
    assert scale(pet(SeriesTime="100000.9", AcquisitionTime="100000")).warnings == ()


def frames(*times, series="235000", injected="225000", date="20240502"):
    change = {"SeriesTime": series, "SeriesDate": "20240502"}
    return [pet({TIME: injected}, AcquisitionDate=date, AcquisitionTime=time, **change) for time in times]


@pytest.mark.parametrize("times", [("235000", "001000"), ("001000", "235000"), ("000500", "001000")])
def test_frames_past_midnight_whose_date_was_not_moved_on_are_of_the_next_day(times):
    found = scale(*frames(*times))
    assert is_right(found)
    assert any("was not moved on" in line for line in found.warnings)


def test_frames_past_midnight_whose_date_was_moved_on_need_no_warning():
    late = frames("001000", date="20240503")
    found = scale(*frames("235000"), *late)
    assert is_right(found)
    assert found.warnings == ()


def test_uncorrected_frames_past_midnight_have_their_own_factors():
    headers = frames("235000", "005000")
    for one in headers:
        one.DecayCorrection, one.CorrectedImage = "NONE", ["ATTN"]
    first, second = scale(*headers).factors
    assert second / first == pytest.approx(2 ** (3600 / HALF_LIFE), rel=1e-9)


def test_a_plain_time_that_differs_from_the_date_time_is_said_with_both():
    found = scale(pet({DATE_TIME: "20240502090000", TIME: "083000"}))
    assert is_right(found)
    assert "says 2024-05-02 09:00:00 and" in found.warnings[0]
    assert "08:30:00" in found.warnings[0]


@pytest.mark.parametrize(
    "injected", [{DATE_TIME: "yesterday", TIME: "090000"}, {DATE_TIME: "20240502090000", TIME: "9 o'clock"}]
)
def test_one_malformed_time_of_the_injection_gives_way_to_the_other(injected):
    found = scale(pet(injected))
    assert is_right(found)
    assert "the other is taken" in found.warnings[0]


def test_a_date_without_a_time_dates_the_plain_time():
    assert is_right(scale(pet({DATE_TIME: "20240502", TIME: "090000"})))


@pytest.mark.parametrize(
    ("injected", "line"),
    [
        ({DATE_TIME: "noon", TIME: "soon"}, r"\(0018,1078\) is 4 characters of text"),
        ({TIME: "100100"}, "10:01:00 is 1.0 min after the scan began at 10:00:00"),
        ({DATE_TIME: "20240502100001"}, "after the scan began"),
        ({DATE_TIME: "20240501150000"}, r"19.0 h before the scan .* 10.4 half-lives"),
    ],
)
def test_an_uptake_that_cannot_be_is_refused_with_the_value_as_written(injected, line):
    with pytest.raises(DataError, match=line):
        scale(pet(injected))


def test_a_long_lived_tracer_without_a_date_is_said_to_be_assumed():
    found = scale(pet({"RadionuclideHalfLife": "282240", TIME: "090000"}))
    assert any("may have been injected on an earlier day" in line for line in found.warnings)


def test_the_whole_grid_of_spellings_zones_and_midnights_agrees():
    make = partial(pet, {DATE_TIME: "2024-05-02T08:00:00.0000000Z"})
    for series in ("10:00:00", "100000.0000000", "1000"):
        for date in ("2024.05.02", "20240502"):
            found = scale(make(SeriesTime=series, SeriesDate=date, TimezoneOffsetFromUTC="+0100"))
            assert is_right(found)
