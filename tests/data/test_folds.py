import pytest

from cipa.data.folds import deal_folds, parse_fold, sizes_of_patients
from cipa.errors import DataError, UsageError

SIZES = {f"p{number:02d}": number * number for number in range(1, 39)}


def test_every_patient_is_in_one_fold_and_folds_have_like_tumours():
    folds = deal_folds(SIZES, 5)
    assert sorted(patient for fold in folds for patient in fold) == sorted(SIZES)
    assert {len(fold) for fold in folds} <= {7, 8}
    totals = [sum(SIZES[patient] for patient in fold) for fold in folds]
    assert max(totals) < 1.2 * min(totals)


def test_folds_do_not_depend_on_the_order_of_the_patients():
    equal = dict.fromkeys(SIZES, 7)
    assert deal_folds(dict(reversed(equal.items())), 4) == deal_folds(equal, 4)


def test_a_fold_without_tumour_is_refused():
    with pytest.raises(DataError, match=r"fold 3/3: none of its 2 patients has tumour; use fewer folds"):
        deal_folds({"a": 5, "b": 4, "c": 0, "d": 0, "e": 0, "f": 0}, 3)


def test_more_folds_than_patients_are_refused():
    with pytest.raises(UsageError, match="3 folds of 2 patients"):
        deal_folds({"a": 1, "b": 1}, 3)


@pytest.mark.parametrize("text", ["0/5", "6/5", "1/1", "2", "a/b", "1/5/2", "-1/5"])
def test_what_is_no_fold_is_refused(text):
    assert parse_fold("2/5") == (2, 5)
    with pytest.raises(UsageError, match=f"--fold {text} is not possible"):
        parse_fold(text)


def test_sizes_are_added_up_by_patient():
    assert sizes_of_patients(["a_1", "b_1", "a_2"], [3, 0, 4]) == {"a": 7, "b": 0}
