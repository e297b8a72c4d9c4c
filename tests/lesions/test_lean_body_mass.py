import pytest

from cipa.lesions.lean_body_mass import lean_body_mass, sul_factor


@pytest.mark.parametrize(
    ("weight_kg", "height_m", "sex", "expected"),
    [
        (80.0, 1.80, "M", 9270 * 80 / (6680 + 216 * 80 / 3.24)),  # 61.7 kg
        (60.0, 1.65, "F", 9270 * 60 / (8780 + 244 * 60 / 2.7225)),  # 39.3 kg
    ],
)
def test_lean_body_mass_follows_the_published_formula_of_each_sex(weight_kg, height_m, sex, expected):
    assert lean_body_mass(weight_kg, height_m, sex) == pytest.approx(expected, rel=1e-12)


def test_lean_body_mass_of_usual_patients_is_what_tables_say():
    assert lean_body_mass(80, 1.80, "M") == pytest.approx(61.73, abs=0.01)
    assert lean_body_mass(60, 1.65, "F") == pytest.approx(39.29, abs=0.01)


def test_lean_body_mass_rises_with_weight_also_in_obesity():
    masses = [lean_body_mass(weight, 1.6, "F") for weight in range(50, 200, 10)]
    assert masses == sorted(masses)


def test_sul_factor_is_the_lean_part_of_the_weight():
    assert sul_factor(80, 1.80, "M") == pytest.approx(lean_body_mass(80, 1.80, "M") / 80)


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((0, 1.8, "M"), "weight_kg 0"),
        ((80, -1, "M"), "height_m -1"),
        ((float("nan"), 1.8, "F"), "weight_kg nan"),
        pytest.param((80, 1.8, "O"), "sex 'O'", marks=pytest.mark.mistyped),
        pytest.param((80, 1.8, ""), "sex ''", marks=pytest.mark.mistyped),
    ],
)
def test_what_has_no_lean_body_mass_is_named(arguments, named):
    with pytest.raises(ValueError, match=named):
        lean_body_mass(*arguments)
