"""Headers that contradict each other: refused by name, or said with both values."""

import pytest
from pydicom.dataset import Dataset

from cipa.errors import DataError
from cipa.io.dicom.suv import compute_suv_scale
from dicom_files import header


def pet(tracer=None, **tags):
    one = header("PT", **tags)
    for name, value in (tracer or {}).items():
        setattr(one.RadiopharmaceuticalInformationSequence[0], name, value)
    return one


def lines(*headers, **given):
    return compute_suv_scale(headers, **given).warnings


def test_a_sound_header_has_no_warnings():
    assert lines(pet()) == ()


@pytest.mark.parametrize(
    ("tags", "line"),
    [
        ({"CorrectedImage": ["ATTN"]}, "Decay Correction (0054,1102) is START, but Corrected Image"),
        ({"CorrectedImage": ["ATTN"], "DecayCorrection": "ADMIN"}, "is ADMIN, but Corrected Image"),
        ({"DecayCorrection": "NONE"}, "is NONE, but Corrected Image (0028,0051) holds DECY"),
        ({"SeriesType": ["DYNAMIC", "IMAGE"]}, "Series Type (0054,1000) is DYNAMIC"),
        ({"SeriesType": ["GATED", "IMAGE"]}, "Series Type (0054,1000) is GATED"),
        ({"PatientSize": "1.0", "PatientWeight": "300"}, ""),
        ({"PatientSize": "1.75", "PatientWeight": "300"}, "body mass index of 98"),
        ({"PatientSize": "175", "PatientWeight": "300"}, "1.75 m is a body mass index of 98"),
        ({"PatientWeight": "3"}, "350 MBq at 3 kg is 117 MBq/kg"),
        ({"DecayFactor": "1.5"}, "Decay Factor (0054,1321) is 1.5, but 1.006 follows"),
        ({"DecayFactor": "1.0063"}, ""),
    ],
)
def test_tags_that_contradict_each_other_are_said(tags, line):
    found = lines(pet(**tags))
    assert any(line in one for one in found) if line else not any("body mass" in one for one in found)


def test_decay_factors_of_later_beds_are_no_contradiction():
    beds = [
        pet(AcquisitionTime=time, DecayFactor=factor)
        for time, factor in (("100000", "1.0063"), ("101000", "1.0719"))
    ]
    assert lines(*beds) == ()
    assert lines(*(pet(DecayFactor=factor) for factor in ("1.0063", "1.0719"))) == ()  # one time for all


def test_decay_factors_show_a_series_time_that_is_not_what_values_refer_to():
    (line,) = lines(pet(AcquisitionTime="103000", DecayFactor="1.0063"))
    assert "SUV may be wrong by 21%" in line


def philips(suv, activity, **tags):
    one = pet(**tags)
    block = one.private_block(0x7053, "Philips PET Private Group", create=True)
    block.add_new(0x00, "DS", suv)
    block.add_new(0x09, "DS", activity)
    return one


def test_philips_own_factor_is_held_against_the_one_computed():
    right = 70e3 / (350e6 * 2 ** (-3600 / 6586.2))
    assert lines(philips(f"{4.7 * right:.8f}", "4.7")) == ()
    assert "Philips private factors" in lines(philips("0.002", "4.7"))[0]


def test_a_negative_philips_factor_is_not_taken():
    with pytest.raises(DataError, match=r"neither Philips private \(7053,1000\)"):
        lines(philips("-0.0007", "0", Units="CNTS"))


@pytest.mark.parametrize("dose", [330.4, 330400, 8.9e-3, 5e10])
def test_doses_in_another_unit_are_refused(dose):
    with pytest.raises(DataError, match=r"Radionuclide Total Dose .* give --dose-mbq"):
        lines(pet({"RadionuclideTotalDose": dose}))
    assert lines(pet({"RadionuclideTotalDose": dose}), dose_mbq=350) == ()


@pytest.mark.parametrize("weight", ["70000", "0.07", "0", "-70"])
def test_weights_in_another_unit_are_refused(weight):
    with pytest.raises(DataError, match=r"Patient's Weight \(0010,1030\)\) cannot be; give --weight-kg"):
        lines(pet(PatientWeight=weight))


@pytest.mark.filterwarnings("ignore:Invalid value for VR")
def test_a_malformed_weight_is_not_a_missing_one():
    one = pet(PatientWeight=None)
    one.add_new("PatientWeight", "LO", "70 kg")
    with pytest.raises(DataError, match="is 5 characters of text, which is not a number; give --weight-kg"):
        lines(one)
    assert lines(one, weight_kg=70) == ()


@pytest.mark.parametrize(
    ("name", "value"), [("RadionuclideTotalDose", 351e6), ("RadiopharmaceuticalStartTime", "091000")]
)
def test_slices_of_different_tracers_are_refused(name, value):
    with pytest.raises(DataError, match="differs between slices"):
        lines(pet(), pet({name: value}))
    with pytest.raises(DataError, match="differs between slices"):
        lines(pet(), pet(PatientWeight="71"))


def nuclide(meaning="", code=""):
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code, "SCT", meaning
    return {"RadionuclideCodeSequence": [item]}


@pytest.mark.parametrize(
    ("named", "half_life", "line"),
    [
        (nuclide("^18^Fluorine"), 109.77, "109.77 s, but that of F-18 is 6586.2 s (minutes?)"),
        (nuclide("Fluorine-18"), 4062.6, "4062.6 s, but that of F-18 is 6586.2 s"),
        (nuclide(code="C-131A3"), 6586.2, "but that of Ga-68 is 4062.6 s"),
        (nuclide("68Ga"), 6586.2, "but that of Ga-68"),
        (nuclide(), 109.77, "is the half-life of F-18 in minutes"),
    ],
)
def test_a_half_life_of_another_nuclide_is_refused_with_both_values(named, half_life, line):
    with pytest.raises(DataError) as error:
        lines(pet(named | {"RadionuclideHalfLife": half_life}))
    assert line in str(error.value)


@pytest.mark.parametrize("half_life", [6586.2, 6588, 6600, 6583.0])
def test_a_rounded_half_life_is_that_of_its_nuclide(half_life):
    assert lines(pet(nuclide("18F") | {"RadionuclideHalfLife": half_life})) == ()


def test_half_lives_that_are_odd_or_missing_are_said():
    assert "of no nuclide that PET sees" in lines(pet({"RadionuclideHalfLife": 7500}))[0]
    assert "is 6800 s, but that of F-18" in lines(pet(nuclide("18F") | {"RadionuclideHalfLife": 6800}))[0]
    one = pet(nuclide("18F"))
    del one.RadiopharmaceuticalInformationSequence[0].RadionuclideHalfLife
    assert "that of F-18 is taken, 6586.2 s" in lines(one)[0]


@pytest.mark.parametrize(
    ("tracer", "line"),
    [
        ({"Radiopharmaceutical": "FDG -- fluorodeoxyglucose"}, None),
        ({"Radiopharmaceutical": "Fludeoxyglucose (18F)"}, None),
        ({"Radiopharmaceutical": "F-18 PSMA-1007"}, "the tracer is F-18 PSMA-1007 (F-18), not FDG"),
        ({"Radiopharmaceutical": "NaF"}, "the tracer is NaF, not FDG"),
        (nuclide("^68^Gallium") | {"RadionuclideHalfLife": 4062.6}, "the tracer is of Ga-68, not FDG"),
    ],
)
def test_another_tracer_than_fdg_is_said(tracer, line):
    found = [one for one in lines(pet(tracer)) if "tracer" in one]
    assert len(found) == (line is not None)
    assert line is None or found[0].startswith(line)


@pytest.mark.parametrize(("injected", "minutes"), [("085900", None), ("091000", "50"), ("072100", "159")])
def test_an_uptake_outside_55_to_75_minutes_is_said(injected, minutes):
    found = lines(pet({"RadiopharmaceuticalStartTime": injected}))
    assert len(found) == (minutes is not None)
    assert minutes is None or found[0].startswith(f"the scan began {minutes} min after the injection")


def test_values_in_suv_already_tell_tracer_and_uptake_too():
    found = compute_suv_scale([pet({"Radiopharmaceutical": "FDG"}, Units="GML")])
    assert (found.tracer.name, found.uptake_minutes) == ("FDG", 60)
    assert compute_suv_scale([pet(Units="GML", SeriesTime=None, AcquisitionTime=None)]).uptake_minutes is None
