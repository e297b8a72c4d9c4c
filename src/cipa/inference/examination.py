"""What the report says of examination and patient, and by what SUV becomes SUL."""

from typing import Any, cast

from cipa.errors import UsageError
from cipa.inference.options import ReportOptions, StudyOptions
from cipa.io.dicom.examination import BodySize, read_body_size, read_examination
from cipa.io.dicom.identity import Secrets, make_alias
from cipa.io.dicom.tags import text
from cipa.io.dicom.volumes import PetCt
from cipa.lesions.lean_body_mass import FACTORS, FORMULA, Sex, lean_body_mass

LEFT_OUT = "SUL is left out: {}"


def examination_facts(
    pair: PetCt, secrets: Secrets, options: StudyOptions, report: ReportOptions
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Describe a DICOM study for its report.

    Args:
        pair: the study.
        secrets: what must not show of it.
        options: what the user says of it.
        report: what the user says for the report.

    Returns:
        Facts: `patient` (`pseudonym`, `id`; without a name), `examination` as
        `cipa.io.dicom.examination.read_examination`, and `sul` (`factor`, `lean_body_mass_kg`, `how`); and
        lines that need a second look.

    Raises:
        UsageError: the pseudonym holds what it is to hide.
    """
    headers = [one.header for one in pair.pet_series.slices]
    size = read_body_size(headers, pair.ct_series.header, options.weight_kg, report.height_m, report.sex)
    sul, lines = _sul_facts(size)
    examination = read_examination(pair, size, options.dose_mbq)
    if secrets.occur_in(examination["date"] or ""):  # born that day, or a wrong tag
        examination["date"] = None
    facts = {"patient": _patient_facts(pair, secrets, report), "examination": examination, "sul": sul}
    return facts, tuple(map(secrets.scrub, (*size.warnings, *lines)))


def facts_without_headers(report: ReportOptions) -> dict[str, Any]:
    """Return the same facts of files that say nothing of patient and examination."""
    reason = LEFT_OUT.format("files other than DICOM hold no weight, height and sex")
    return {
        "patient": {"pseudonym": report.pseudonym, "id": None},
        "examination": {},
        "sul": {"factor": None, "lean_body_mass_kg": None, "how": reason},
    }


def _patient_facts(pair: PetCt, secrets: Secrets, report: ReportOptions) -> dict[str, Any]:
    if report.pseudonym is not None and secrets.occur_in(report.pseudonym):
        raise UsageError(
            "--pseudonym: it holds the patient's name, ID or birth date; choose another, or --show-id"
        )
    header = pair.pet_series.header
    own = text(header, "PatientID") or text(pair.ct_series.header, "PatientID")
    return {
        "pseudonym": report.pseudonym or (None if report.show_id else make_alias(header)),
        "id": (own or None) if report.show_id else None,
    }


def _sul_facts(size: BodySize) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return what SUL is computed from, or why it is not, and lines that need a second look."""
    reasons = size.doubtful | size.absent
    if not reasons and size.sex not in FACTORS:
        reasons = {"sex": f"there is no formula of lean body mass for sex {size.sex}; give --sex"}
    if reasons:
        line = LEFT_OUT.format("; ".join(reasons.values()))
        facts = {"factor": None, "lean_body_mass_kg": None, "how": line}
        return facts, (line,) if size.doubtful else ()
    assert size.weight_kg is not None
    assert size.height_m is not None
    mass = lean_body_mass(size.weight_kg, size.height_m, cast(Sex, size.sex))
    patient = f"{size.weight_kg:g} kg, {size.height_m:.2f} m, {size.sex}"
    how = f"lean body mass {mass:.1f} kg ({FORMULA}) of {patient}"
    return {"factor": mass / size.weight_kg, "lean_body_mass_kg": round(mass, 3), "how": how}, ()
