from dataclasses import replace

import numpy as np
import pytest

from cipa.inference.followup.change import match_changes, total_changes
from cipa.inference.followup.matching import match_lesions
from cipa.inference.followup.percist import percist
from cipa.inference.followup.residual import residual_sul_peak
from cipa.io.dicom.suv import SuvScale
from cipa.io.dicom.tracer import Tracer
from two_time_points import LIVER, box, time_point

HERE, THERE = box(10, 10, 10, 8), box(40, 30, 25, 8)


class Source:
    """What of a DICOM pair PERCIST asks for."""

    def __init__(self, is_fdg):
        self.scale = SuvScale(np.ones(1), "", tracer=Tracer("FDG" if is_fdg else "PSMA", "F-18", is_fdg))


def study(boxes, hot=10.0, is_fdg=True, **facts):
    return replace(time_point(boxes, hot, **facts), source=Source(is_fdg))


def judge(before, after):
    matches = match_lesions(before, after, np.eye(4))
    peaks = [match_changes(before, after, match)["sul_peak"] for match in matches]
    residual = None if after.lesions else residual_sul_peak(before, after, np.eye(4))
    return percist(before, after, matches, total_changes(before, after)["tlg"], peaks, residual)


@pytest.mark.parametrize(
    ("before", "after", "category"),
    [
        (10.0, 6.9, "PMR"),  # -31 %, -2.3 SUL
        (10.0, 7.1, "SMD"),  # -29 %
        (10.0, 13.1, "PMD"),  # +31 %
        (10.0, 12.9, "SMD"),  # +29 %
        (3.9, 2.9, "SMD"),  # -26 %
        (3.9, 2.6, "PMR"),  # -33 %, -0.98 SUL
    ],
)
def test_the_category_follows_from_sul_peak_of_the_hottest_lesion(before, after, category):
    found = judge(study([HERE], before), study([HERE], after))
    assert (found.category, found.sul_peak.before) == (category, pytest.approx(0.75 * before, rel=1e-5))


def test_a_change_of_less_than_eight_tenths_of_sul_is_stable():
    low = {"liver": LIVER, "percist_threshold_sul": 1.0}
    found = judge(study([HERE], 3.0, reference=low), study([HERE], 2.0))  # -33 %, -0.75 SUL
    assert found.category == "SMD"


def test_a_new_lesion_is_progression_whatever_became_of_the_hottest():
    found = judge(study([HERE], 10.0), study([HERE, THERE], [3.0, 3.0]))
    assert found.category == "PMD"
    assert "new lesions: 2" in found.why[0]


def test_growth_of_tlg_by_more_than_three_quarters_is_progression():
    wider = (slice(10, 25), slice(10, 18), slice(10, 18))
    assert judge(study([HERE]), study([wider])).category == "PMD"


def test_a_fall_of_the_hottest_while_another_grows_is_left_to_a_reader():
    found = judge(study([HERE, THERE], [10.0, 4.0]), study([HERE, THERE], [4.0, 6.0]))
    assert found.category is None
    assert "lesion 2 grew hotter: a reader has to decide" in found.why[-1]


def test_no_lesion_left_is_complete_response_below_the_liver_alone():
    assert judge(study([HERE]), study([])).category == "CMR"
    warm = study([])
    warm.pet.array[HERE] = 3.0  # 2.25 SUL, above the liver
    found = judge(study([HERE]), warm)
    assert found.category == "PMR"
    assert "above the liver's mean" in found.why[0]


def test_a_lesion_where_the_other_scan_does_not_reach_leaves_it_open():
    before, after = study([HERE]), study([HERE])
    matches = match_lesions(before, after, np.eye(4))
    matches[0] = replace(matches[0], kind="not covered")
    tlg = total_changes(before, after)["tlg"]
    assert percist(before, after, matches, tlg, [tlg]).category is None


NO_LIVER = {"reference": {}}


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        ({"suv": {"uptake_minutes": 80.0}}, {}, "first study began 80 min after the injection, not 50 to 70"),
        (
            {"suv": {"uptake_minutes": 51.0}},
            {"suv": {"uptake_minutes": 69.0}},
            "uptake times differ by 18 min",
        ),
        ({"suv": {}}, {}, "times from injection to scan are not known"),
        ({"is_fdg": False}, {}, "the tracer is not FDG but PSMA"),
        ({"is_fdg": None}, {}, "the tracer is not named in both studies"),
        (NO_LIVER, {}, "give --before-liver-mm X Y Z"),
        (
            {},
            {"reference": {"liver": {"mean_sul": 2.0, "sd_sul": 0.2}}},
            "liver's mean SUL differs: 1.60, then 2.00",
        ),
        ({"suv": {"uptake_minutes": 60.0}, "boxes": []}, {}, "the first study has no lesion"),
        ({"hot": 3.0}, {}, "is 2.25, not above 2.80"),
    ],
)
def test_a_precondition_that_does_not_hold_is_the_reason_for_no_category(first, second, reason):
    found = judge(study(**{"boxes": [HERE]} | first), study([HERE], **second))
    assert found.category is None
    assert any(reason in line for line in found.why), found.why


def test_unknown_sul_is_a_reason():
    after = study([HERE])
    after = replace(after, lesions=[replace(one, sul_peak=None) for one in after.lesions])
    found = judge(study([HERE]), after)
    assert found.category is None
    assert "weight, height and sex" in found.why[0]


def test_another_scanner_or_liver_unknown_at_the_second_is_said():
    found = judge(study([HERE]), study([HERE], pet={"vendor": "W", "scanner": "S"}, **NO_LIVER))
    assert found.category == "SMD"
    assert found.notes == (
        "the vendor differs, which PERCIST asks to be the same: V, then W",
        "the liver's uptake in the second study is not known (--after-liver-mm X Y Z)",
    )


def blood(mean):
    return {
        "reference": {
            "blood_pool": {"mean_sul": mean, "sd_sul": 0.1},
            "percist_threshold_sul": 2 * mean + 0.2,
        }
    }


def test_the_blood_pool_stands_in_for_a_diseased_liver():
    found = judge(study([HERE], **blood(1.2)), study([HERE], 6.0, **blood(1.1)))
    assert (found.category, found.threshold) == ("PMR", 2.6)
    assert found.notes == (
        "by the blood pool, as the liver of the first study was not measured: is it diseased?",
    )
    found = judge(study([HERE], 3.0, **blood(1.2)), study([HERE], 6.0, **blood(1.1)))
    assert found.category is None
    assert "is 2.25, not above 2.60, 2 times the blood pool's mean and 2 SD" in found.why[0]


def test_the_blood_pool_has_to_be_as_before_too():
    found = judge(study([HERE], **blood(1.2)), study([HERE], **blood(1.6)))
    assert found.category is None
    assert "the blood pool's mean SUL differs: 1.20, then 1.60" in found.why[0]
    found = judge(study([HERE], **blood(1.2)), study([HERE]))  # of which the liver is known alone
    assert found.category == "SMD"
    assert "--after-blood-pool-mm X Y Z" in found.notes[-1]


def test_complete_response_is_below_the_blood_pool_where_that_is_what_counts():
    faint, warm = study([], **blood(1.1)), study([], **blood(1.1))
    assert judge(study([HERE], **blood(1.2)), faint).category == "CMR"
    warm.pet.array[HERE] = 1.6  # 1.2 SUL: below most livers, above this blood
    found = judge(study([HERE], **blood(1.2)), warm)
    assert found.category == "PMR"
    assert "above the blood pool's mean" in found.why[0]
