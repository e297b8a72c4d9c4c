import pytest

from cipa.data.layout import patient_of
from cipa.data.split import hold_out
from cipa.errors import DataError, UsageError

IDS = [f"{patient:04d}_{number:03d}" for patient in range(1, 41) for number in range(patient % 7 + 1)]


def patients(ids):
    return {patient_of(slice_id) for slice_id in ids}


def test_no_patient_is_on_both_sides_and_no_slice_is_lost():
    train, validation = hold_out(IDS, 0.2, seed=42)
    assert sorted(train + validation) == sorted(IDS)
    assert not patients(train) & patients(validation)
    assert len(patients(validation)) == 8


def test_the_order_of_the_slices_is_kept():
    backwards = IDS[::-1]
    for part in hold_out(backwards, 0.25, seed=3):
        assert part == sorted(part, reverse=True)


def test_the_choice_depends_on_the_seed_and_not_on_the_order():
    chosen = patients(hold_out(IDS, 0.2, seed=1)[1])
    assert chosen == patients(hold_out(IDS[::-1], 0.2, seed=1)[1])
    assert chosen != patients(hold_out(IDS, 0.2, seed=2)[1])


def test_the_choice_is_the_same_everywhere():
    assert patients(hold_out(IDS, 0.1, seed=42)[1]) == {"0001", "0009", "0033", "0040"}


def test_a_bigger_hold_out_contains_the_smaller():
    assert patients(hold_out(IDS, 0.1, 5)[1]) < patients(hold_out(IDS, 0.3, 5)[1])


def test_nothing_is_held_out_at_zero():
    assert hold_out(IDS, 0, seed=1) == (IDS, [])


@pytest.mark.parametrize("fraction", [0.001, 0.999])
def test_both_sides_keep_a_patient(fraction):
    train, validation = hold_out(["0001_1", "0002_1", "0002_2"], fraction, seed=1)
    assert len(patients(train)) == len(patients(validation)) == 1


def test_one_patient_cannot_be_split():
    with pytest.raises(DataError, match="1 patient"):
        hold_out(["0001_1", "0001_2"], 0.5, seed=1)


@pytest.mark.parametrize("fraction", [-0.1, 1, 20, float("nan")])
def test_a_fraction_outside_its_range_is_refused(fraction):
    with pytest.raises(UsageError, match="validation fraction"):
        hold_out(IDS, fraction, seed=1)
