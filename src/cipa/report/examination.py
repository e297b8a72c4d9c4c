"""The head of a report: who was examined as far as may be said, when, with what, and how."""

from collections.abc import Mapping
from typing import Any

from cipa.lesions.reference import KINDS, PERCIST_MEANS

Entry = tuple[str, str]
"""Name and value."""

UNKNOWN = "not stated"

SEXES = {"M": "male", "F": "female", "O": "other"}


def examination_entries(facts: Mapping[str, Any]) -> list[Entry]:
    """Lay out what a department files a report by.

    Args:
        facts: as `Prediction.facts`.

    Returns:
        An entry a line; what is not known is said to be not stated, and never left out.
    """
    about = facts.get("examination") or {}
    return [
        ("Examination date", about.get("date") or UNKNOWN),
        ("Patient", _patient(facts)),
        ("Sex, weight, height", _size(about)),
        ("Tracer, dose", _tracer(about)),
        ("Uptake time", _number(about.get("uptake_minutes"), ".0f", "min")),
        ("PET scanner", _scanner(facts.get("pet", {}))),
        ("PET reconstruction", _reconstruction(about)),
        ("CT", _ct(facts, about)),
        ("SUL", (facts.get("sul") or {}).get("how") or UNKNOWN),
    ]


def reference_entries(facts: Mapping[str, Any]) -> list[Entry]:
    """Lay out the uptake of liver and blood pool, which is never guessed, and what PERCIST makes of it."""
    found = facts.get("reference") or {}
    entries = [
        (name, _region(found[kind]) if kind in found else f"not measured: {option} says where it is")
        for kind, name, option in (
            ("liver", "Liver, sphere of 3 cm", "--liver-mm"),
            ("blood_pool", "Blood pool, cylinder of 1 × 2 cm", "--blood-pool-mm"),
        )
    ]
    by = found.get("percist_region")
    if by is None:
        return entries
    sul, suv = found.get("percist_threshold_sul"), found["percist_threshold_suv"]
    limit = f"SUVpeak {suv:.2f}, as SUL is not known" if sul is None else f"SULpeak {sul:.2f}"
    rule = f"{PERCIST_MEANS[by]:g} × {KINDS[by].name} mean + 2 SD"
    if by != "liver":
        rule += ", which PERCIST takes where the liver is diseased"
    return [*entries, ("PERCIST threshold", f"{limit} ({rule})")]


def _patient(facts: Mapping[str, Any]) -> str:
    found = facts.get("patient") or {}
    parts = [found.get("pseudonym"), f"ID {found['id']}" if found.get("id") else None]
    return ", ".join(part for part in parts if part) or "not named"


def _size(about: Mapping[str, Any]) -> str:
    sex = about.get("sex")
    return ", ".join(
        [
            SEXES.get(str(sex), f"sex {UNKNOWN}"),
            _number(about.get("weight_kg"), "g", "kg", "weight "),
            _number(about.get("height_m"), ".2f", "m", "height "),
        ]
    )


def _tracer(about: Mapping[str, Any]) -> str:
    names = [about.get(name) for name in ("tracer", "nuclide")]
    tracer = ", ".join(str(name) for name in names if name) or f"tracer {UNKNOWN}"
    return f"{tracer}, {_number(about.get('dose_mbq'), '.0f', 'MBq', 'dose ')}"


def _scanner(found: Mapping[str, Any]) -> str:
    return " ".join(found[name] for name in ("vendor", "scanner") if found.get(name)) or UNKNOWN


def _reconstruction(about: Mapping[str, Any]) -> str:
    method, kernel = about.get("reconstruction"), about.get("filter")
    return f"{method or f'method {UNKNOWN}'}, filter {kernel or UNKNOWN}"


def _ct(facts: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    kernel, volts = about.get("ct_kernel"), about.get("ct_kvp")
    scanner = _scanner(facts.get("ct", {}))
    parts = [scanner if scanner != _scanner(facts.get("pet", {})) else "same scanner"]
    parts += [f"kernel {kernel or UNKNOWN}"]
    parts += [f"{volts:g} kV"] if volts else []
    return ", ".join(parts)


def _region(found: Mapping[str, Any]) -> str:
    centre = ", ".join(f"{found[f'centre_{axis}_mm']:.0f}" for axis in "lps")
    sul = "" if found.get("mean_sul") is None else f", SUL {found['mean_sul']:.2f} ± {found['sd_sul']:.2f}"
    suv = f"SUV {found['mean_suv']:.2f} ± {found['sd_suv']:.2f} (mean ± SD)"
    return f"{suv}{sul}, {found['voxels']} voxels at {centre} mm"


def _number(value: float | None, digits: str, unit: str, name: str = "") -> str:
    return f"{name}{UNKNOWN}" if value is None else f"{value:{digits}} {unit}"
