from dataclasses import FrozenInstanceError, fields

import pytest

from cipa.errors import UsageError
from cipa.inference.options import (
    DEFAULTS,
    KINDS,
    NOTHING_GIVEN,
    NOTHING_SAID,
    PredictOptions,
    ReportOptions,
    StudyOptions,
    VolumeOptions,
    split_options,
)


def test_keywords_are_sorted_into_their_kind_and_the_others_keep_their_defaults():
    volume, study, report = split_options({"fit": "pad", "keep_all": True, "weight_kg": 70.0, "sex": "F"})
    assert volume == VolumeOptions(fit="pad", keep_all=True)
    assert study == StudyOptions(weight_kg=70.0)
    assert report == ReportOptions(sex="F")
    assert split_options({}) == (DEFAULTS, NOTHING_GIVEN, NOTHING_SAID)


def test_the_keywords_of_predict_are_the_options_there_are():
    known = {field.name for kind in KINDS for field in fields(kind)}
    assert set(PredictOptions.__annotations__) == known


@pytest.mark.mistyped
def test_an_unknown_option_is_named_with_those_there_are():
    with pytest.raises(UsageError, match=r"unknown option 'windw': choose fit, field_of_view, .*dose_mbq"):
        split_options({"windw": 1})


@pytest.mark.parametrize("value", [-0.1, float("nan")])
def test_a_floor_of_uptake_out_of_range_is_refused(value):
    with pytest.raises(UsageError, match="min_suv"):
        VolumeOptions(min_suv=value)


def test_options_cannot_be_changed_and_say_what_was_given():
    with pytest.raises(FrozenInstanceError):
        DEFAULTS.fit = "pad"
    assert StudyOptions(ct_series="3").to_dict() == {"ct_series": "3"}
    assert ReportOptions(liver_mm=(1.0, 2.0, 3.0)).to_dict() == {"liver_mm": [1.0, 2.0, 3.0]}


@pytest.mark.parametrize(
    ("option", "line"),
    [
        ({"height_m": 188.0}, "height_m 188: give metres"),
        ({"sex": "X"}, "sex 'X': give M, F or O"),
        ({"liver_mm": (1.0, float("nan"), 2.0)}, "liver_mm"),
        ({"blood_pool_mm": (1.0, 2.0)}, "blood_pool_mm"),
    ],
)
def test_what_is_said_for_the_report_is_refused_out_of_its_range(option, line):
    with pytest.raises(UsageError, match=line):
        ReportOptions(**option)
