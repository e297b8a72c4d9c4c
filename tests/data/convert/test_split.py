from pathlib import Path

import pytest

from cipa.data.convert import Problem, Sources, SplitRule, Triple
from cipa.errors import UsageError

FILES = (Path("ct"), Path("pet"), Path("mask"))
SOURCES = Sources(
    tuple(Triple(f"P{n}", f"P_{n}", *FILES) for n in (1, 2, 3, 4)), (Problem("P_5", "no mask"),)
)


def test_the_last_are_counted_with_those_that_cannot_be_converted():
    assert SplitRule(last=2).test_patients(SOURCES) == {"P4", "P5"}
    assert SplitRule(last=0).test_patients(SOURCES) == set()


def test_patients_go_by_the_source_s_name_or_by_id():
    assert SplitRule(patients=("P_1", "P3", "P_5")).test_patients(SOURCES) == {"P1", "P3", "P5"}


def test_a_share_depends_on_the_seed_alone():
    chosen = [SplitRule(fraction=0.4, seed=seed).test_patients(SOURCES) for seed in range(8)]
    assert all(len(each) == 2 for each in chosen)
    assert len({frozenset(each) for each in chosen}) > 1
    assert SplitRule(fraction=0.4, seed=3).test_patients(SOURCES) == chosen[3]
    assert SplitRule(fraction=0.0).test_patients(SOURCES) == set()


@pytest.mark.parametrize("rule", [SplitRule(last=6), SplitRule(last=-1), SplitRule(patients=("P9",))])
def test_who_is_not_there_cannot_be_tested_on(rule):
    with pytest.raises(UsageError, match="--test-"):
        rule.test_patients(SOURCES)
