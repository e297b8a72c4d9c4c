"""Lean body mass, by which SUL is normalised: SUL = SUV (body weight) times lean body mass over weight.

Janmahasatian et al., Quantification of lean bodyweight, Clin Pharmacokinet 44 (2005) 1051. James's formula,
which PERCIST 1.0 was published with, falls again in obese patients; the EANM guideline for FDG PET-CT (2015)
asks for Janmahasatian's.
"""

from typing import Literal

Sex = Literal["M", "F"]
"""Patient's Sex (0010,0040) for which there is a formula; not O."""

FORMULA = "Janmahasatian 2005"

FACTORS: dict[Sex, tuple[float, float]] = {"M": (6680.0, 216.0), "F": (8780.0, 244.0)}
"""Of the formula, by sex: the constant, and what the body mass index is multiplied by."""


def lean_body_mass(weight_kg: float, height_m: float, sex: Sex) -> float:
    """Return the lean body mass in kg, 9270 W / (constant + factor * BMI) with W in kg and BMI in kg/m2.

    Args:
        weight_kg: body weight, above 0.
        height_m: body height, above 0.
        sex: M or F.

    Raises:
        ValueError: weight or height is not a number above 0, or there is no formula for the sex.
    """
    for name, value in (("weight_kg", weight_kg), ("height_m", height_m)):
        if not 0 < value < float("inf"):
            raise ValueError(f"{name} {value:g}: give a number above 0")
    if sex not in FACTORS:
        raise ValueError(f"sex {sex!r}: there is a formula for M and F only")
    constant, factor = FACTORS[sex]
    return 9270 * weight_kg / (constant + factor * weight_kg / height_m**2)


def sul_factor(weight_kg: float, height_m: float, sex: Sex) -> float:
    """Return what body-weight SUV is multiplied by to become SUL: lean body mass over weight.

    Args:
        weight_kg: body weight by which SUV was normalised.
        height_m: body height.
        sex: M or F.

    Raises:
        ValueError: as `lean_body_mass`.
    """
    return lean_body_mass(weight_kg, height_m, sex) / weight_kg
