"""When the tracer was injected and when the scan began, from headers that do not always agree.

Rules: QIBA's vendor-neutral pseudo-code for SUV (Kinahan and others, "Vendor-neutral pseudo-code for SUV
calculation", happy path and exceptions) and the IBSI reference manual, section on SUV.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydicom.dataset import Dataset

from cipa.errors import DataError
from cipa.io.dicom.tags import date_time, moment, name_of, private, text, time_of_day

GE_SCAN_TIME = (0x0009, "GEMS_PETD_01", 0x0D)
"""Private element (0009,100D): when a GE scanner began the scan."""

DAY = timedelta(days=1)

MOST_HALF_LIVES = 12.0
"""Between injection and scan; after more than this nothing is left to see and a date must be wrong."""


@dataclass(frozen=True)
class Moment:
    """A point in time and the tag it was read from."""

    when: datetime
    tag: str

    def __str__(self) -> str:
        return f"{self.when:%Y-%m-%d %H:%M:%S} ({self.tag})"


def acquisition(header: Dataset) -> datetime:
    """Return when the frame of one slice began to be acquired.

    Raises:
        DataError: neither date and time nor date-time of the acquisition is there.
    """
    began = moment(text(header, "AcquisitionDate"), text(header, "AcquisitionTime"))
    began = began or date_time(text(header, "AcquisitionDateTime"))
    if began is None:
        raise DataError(
            f"{name_of('AcquisitionDate')} or {name_of('AcquisitionTime')} is missing, so decay cannot be "
            "computed; export the PET again with its dates and times"
        )
    return began


def scan_start(headers: Sequence[Dataset]) -> Moment:
    """Return the moment to which PET of DecayCorrection START is corrected.

    It is the series' date and time, unless these lie after an acquisition: then software rewrote them when
    it made a new series, and the scanner's private time (GE) or the earliest acquisition stands in. A private
    time that is not within the day before that acquisition is ignored: anonymisers shift public dates only.

    Args:
        headers: all slices of the series.

    Raises:
        DataError: as `acquisition`.
    """
    earliest = min(acquisition(header) for header in headers)
    series = moment(text(headers[0], "SeriesDate"), text(headers[0], "SeriesTime"))
    if series is not None and series <= earliest:
        return Moment(series, name_of("SeriesTime"))
    scanner = date_time(private(headers[0], *GE_SCAN_TIME))
    if scanner is not None and earliest - DAY < scanner <= earliest:
        return Moment(scanner, "GE private (0009,100D)")
    return Moment(earliest, f"earliest {name_of('AcquisitionTime')}")


def injection(tracer: Dataset, scan: datetime, half_life: float) -> Moment:
    """Return when the tracer was injected.

    A time without a date is the last such time before the scan, which may be on the day before.

    Args:
        tracer: item of the Radiopharmaceutical Information Sequence.
        scan: a moment after the injection.
        half_life: seconds.

    Raises:
        DataError: no time is there, or it cannot belong to this scan.
    """
    known = date_time(text(tracer, "RadiopharmaceuticalStartDateTime"))
    name = name_of("RadiopharmaceuticalStartDateTime")
    if known is None:
        name = name_of("RadiopharmaceuticalStartTime")
        clock = time_of_day(text(tracer, "RadiopharmaceuticalStartTime"))
        if clock is None:
            raise DataError(f"{name} is missing; export the PET again with its radiopharmaceutical module")
        known = datetime.combine(scan.date(), datetime.min.time()) + clock
        known -= DAY if known > scan else timedelta()
    elapsed = (scan - known).total_seconds()
    if not 0 <= elapsed <= MOST_HALF_LIVES * half_life:
        raise DataError(
            f"{name} {known:%Y-%m-%d %H:%M:%S} is {elapsed / 3600:.1f} h before the scan at "
            f"{scan:%Y-%m-%d %H:%M:%S}, which cannot be; correct that tag"
        )
    return Moment(known, name)
