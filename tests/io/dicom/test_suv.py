import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset

from cipa.errors import DataError
from cipa.io.dicom.suv import compute_suv_scale
from dicom_files import header

SHARED = Path(__file__).parents[4] / "shared" / "data" / "suv"
HALF_LIFE = 6586.2
HOUR = 70e3 / (350e6 * 2 ** (-3600 / HALF_LIFE))
PHILIPS = "Philips PET Private Group"


def factor(*headers, **given):
    return compute_suv_scale(headers, **given).factors


@pytest.fixture
def pet():
    return partial(header, "PT")


def change_tracer(one, **tags):
    tracer = one.RadiopharmaceuticalInformationSequence[0]
    for name, value in tags.items():
        if value is None:
            delattr(tracer, name)
        else:
            setattr(tracer, name, value)
    return one


def test_dose_decays_from_injection_to_the_start_of_the_series(pet):
    # the second bed position is later, and both are corrected to the start
    headers = pet(AcquisitionTime="100200.5"), pet(AcquisitionTime="100000")
    assert factor(*headers) == pytest.approx([HOUR, HOUR], rel=1e-12)


def test_rewritten_series_time_gives_way_to_the_earliest_acquisition(pet):
    headers = [pet(SeriesTime="170000", AcquisitionTime=time) for time in ("100400", "100000", "100200")]
    assert factor(*headers) == pytest.approx(3 * [HOUR], rel=1e-12)
    assert "earliest Acquisition Time" in compute_suv_scale(headers).how


def with_scanner_time(one, found):
    one.private_block(0x0009, "GEMS_PETD_01", create=True).add_new(0x0D, "DT", found)
    return one


def test_rewritten_series_time_gives_way_to_the_time_the_ge_scanner_kept(pet):
    one = pet(SeriesTime="170000", AcquisitionTime="101500")  # a later bed: the first is not in the folder
    assert factor(with_scanner_time(one, "20240502100000.00")) == pytest.approx([HOUR], rel=1e-12)


def test_ge_time_on_another_date_than_the_public_ones_is_not_believed(pet):
    one = pet(SeriesTime="170000", AcquisitionTime="100000")
    assert factor(with_scanner_time(one, "20240410095000.00")) == pytest.approx([HOUR], rel=1e-12)


def test_values_corrected_to_the_injection_do_not_decay(pet):
    assert factor(pet(DecayCorrection="ADMIN")) == pytest.approx([70e3 / 350e6], rel=1e-12)


def test_uncorrected_values_have_a_factor_a_slice(pet):
    headers = [pet(DecayCorrection="NONE", AcquisitionTime=time) for time in ("100000", "110000")]
    # mean of 2^(-t / half-life) over the two minutes of the frame, summed finely
    times = (np.arange(100_000) + 0.5) * 120 / 100_000
    mean = [np.mean(2 ** (-(start + times) / HALF_LIFE)) for start in (3600, 7200)]
    assert factor(*headers) == pytest.approx(70e3 / (350e6 * np.array(mean)), rel=1e-9)


@pytest.mark.parametrize(
    ("injected", "scan"),
    [("233000", "003000"), ("090000", "100000"), ("235959.5", "005959.5")],
)
def test_injection_time_without_a_date_may_be_before_midnight(pet, injected, scan):
    one = change_tracer(pet(SeriesTime=scan, AcquisitionTime=scan), RadiopharmaceuticalStartTime=injected)
    assert factor(one) == pytest.approx([HOUR], rel=1e-12)


def test_injection_date_time_comes_before_the_time_alone(pet):
    one = change_tracer(
        pet(SeriesTime="003000", AcquisitionTime="003000"),
        RadiopharmaceuticalStartDateTime="20240501233000.00+0200",
        RadiopharmaceuticalStartTime="120000",
    )
    assert factor(one) == pytest.approx([HOUR], rel=1e-12)


def test_weight_and_dose_of_the_user_come_first(pet):
    one = change_tracer(pet(PatientWeight=None), RadionuclideTotalDose=None)
    assert factor(one, weight_kg=70, dose_mbq=350) == pytest.approx([HOUR], rel=1e-12)
    assert factor(pet(), weight_kg=140, dose_mbq=350) == pytest.approx([2 * HOUR], rel=1e-12)
    assert "140 kg (given)" in compute_suv_scale([pet()], weight_kg=140).how


def test_values_in_suv_stay_as_they_are(pet):
    assert factor(pet(Units="GML", PatientWeight=None, SUVType="BW")) == [1.0]
    with pytest.raises(DataError, match="LBM, not BW"):
        factor(pet(Units="GML", SUVType="LBM"))


def counts(one, **elements):
    block = one.private_block(0x7053, PHILIPS, create=True)
    for name, value in elements.items():
        block.add_new({"suv": 0x00, "bqml": 0x09}[name], "DS", value)
    return one


def test_philips_counts_take_the_private_suv_factor(pet):
    assert factor(counts(pet(Units="CNTS"), suv="0.000728", bqml="3")) == [0.000728]


def test_philips_counts_take_the_private_activity_factor_where_there_is_no_suv_factor(pet):
    assert factor(counts(pet(Units="CNTS"), suv="0", bqml="4.7")) == pytest.approx([4.7 * HOUR], rel=1e-12)


def test_philips_factor_is_found_where_its_creator_was_removed(pet):
    one = pet(Units="CNTS")
    one.add_new((0x7053, 0x1000), "UN", b"0.000728 ")
    assert factor(one) == [0.000728]


@pytest.mark.parametrize(
    ("tags", "line"),
    [
        ({"Units": None}, r"Units \(0054,1001\) is missing"),
        ({"Units": "PROPCPS"}, "'PROPCPS'"),
        ({"Units": "CNTS"}, r"neither Philips private \(7053,1000\)"),
        ({"PatientWeight": None}, r"Patient's Weight \(0010,1030\) is missing; give --weight-kg"),
        ({"PatientWeight": 0}, "weight 0 kg .* give --weight-kg"),
        ({"PatientWeight": 70000}, "weight 70000 kg"),
        ({"DecayCorrection": None}, r"Decay Correction \(0054,1102\) is missing"),
        ({"DecayCorrection": "SCAN"}, "'SCAN'"),
        ({"AcquisitionTime": None}, r"Acquisition Time \(0008,0032\) is missing"),
        ({"AcquisitionTime": "2599"}, r"Acquisition Time \(0008,0032\) is '2599', which is not a time"),
        ({"RadiopharmaceuticalInformationSequence": None}, r"\(0054,0016\) is missing"),
        ({"DecayCorrection": "NONE", "ActualFrameDuration": None}, r"\(0018,1242\) is missing"),
    ],
)
@pytest.mark.filterwarnings("ignore:Invalid value for VR TM")
def test_missing_or_impossible_tag_is_named(pet, tags, line):
    with pytest.raises(DataError, match=line):
        factor(pet(**tags))


@pytest.mark.parametrize(
    ("tags", "line"),
    [
        ({"RadionuclideTotalDose": None}, r"\(0018,1074\) is missing; give --dose-mbq"),
        ({"RadionuclideTotalDose": 350}, "dose 350 Bq .* give --dose-mbq"),
        ({"RadionuclideHalfLife": None}, r"\(0018,1075\) is missing"),
        ({"RadiopharmaceuticalStartTime": None}, r"\(0018,1072\) is missing"),
        ({"RadiopharmaceuticalStartDateTime": "20240502110000"}, "is 60.0 min after the scan"),
        ({"RadiopharmaceuticalStartDateTime": "20230502090000"}, "which cannot be"),
        ({"RadiopharmaceuticalStartTime": "100100"}, "10:01:00 is 1.0 min after the scan began at 10:00:00"),
    ],
)
def test_missing_or_impossible_tag_of_the_tracer_is_named(pet, tags, line):
    with pytest.raises(DataError, match=line):
        factor(change_tracer(pet(), **tags))


def test_slices_of_different_units_are_refused(pet):
    with pytest.raises(DataError, match="differs between slices"):
        factor(pet(), pet(Units="CNTS"))


PUBLISHED = {
    "GE_MEDICAL_AND_BQML": 0.0005367387681819742,
    "SIEMENS": 0.00042748316187197236,
    "PHILIPS_BQML": 0.0007463747013889488,
    "PHILIPS_CNTS_AND_SUV": 0.000728,
}


@pytest.mark.shared
@pytest.mark.skipif(not SHARED.is_dir(), reason=f"no real headers at {SHARED}")
@pytest.mark.parametrize("scanner", PUBLISHED)
def test_factor_of_real_headers_is_the_published_one(scanner):
    rows = json.loads((SHARED / f"{scanner}-instances.json").read_text())
    assert factor(*map(from_json, rows)) == pytest.approx([PUBLISHED[scanner]] * len(rows), rel=1e-9)


def from_json(row):
    found, tracer = Dataset(), Dataset()
    private = {"SUVScaleFactor": "suv", "ActivityConcentrationScaleFactor": "bqml"}
    factors = {private[name]: value for name, value in row.pop("PhilipsPETPrivateGroup").items()}
    for name, value in row.items():
        setattr(tracer if name.startswith("Radi") else found, name, value)
    found.RadiopharmaceuticalInformationSequence = [tracer]
    return counts(found, **factors)
