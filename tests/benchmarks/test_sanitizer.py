import pytest
from benchmarks.sanitizer import EXPLICIT, explicit_text, reports

from cipa.ops.scan.cuda import build


@pytest.mark.parametrize(
    ("summary", "wrong"),
    [
        ("========= ERROR SUMMARY: 0 errors", False),
        ("========= ERROR SUMMARY: 3 errors", True),
        ("========= RACECHECK SUMMARY: 0 hazards displayed (0 errors, 0 warnings)", False),
        ("========= RACECHECK SUMMARY: 100 hazards displayed (116 errors, 0 warnings)", True),
        ("no summary: the tool did not start", True),
    ],
)
def test_a_tools_summary_says_whether_it_found_anything(summary, wrong):
    assert reports(summary) is wrong


def test_explicit_orderings_are_put_into_the_forward_kernel_alone():
    read = explicit_text(build._text)
    source = read("forward")
    assert all(new in source for new in EXPLICIT.values())
    assert read("backward") == build._text("backward")


def test_an_ordering_that_the_kernel_no_longer_has_is_an_error():
    with pytest.raises(ValueError, match=r"forward\.cu has no"):
        explicit_text(lambda _: "another kernel")("forward")
