"""What Enhanced PET calls otherwise than classic PET: corrections and units (DICOM PS3.3 C.8.22).

Legacy converted files keep the classic attributes, which are left as they are.
"""

from collections.abc import Mapping, Sequence

from pydicom.dataset import Dataset

from cipa.io.dicom.tags import name_of, number, text, value

CORRECTIONS = {
    "DecayCorrected": "DECY",
    "AttenuationCorrected": "ATTN",
    "ScatterCorrected": "SCAT",
    "DeadTimeCorrected": "DTIM",
    "GantryMotionCorrected": "MOTN",
    "PatientMotionCorrected": "PMOT",
    "CountLossNormalizationCorrected": "CLN",
    "RandomsCorrected": "RAN",
    "NonUniformRadialSamplingCorrected": "RADL",
    "SensitivityCalibrated": "DCAL",
    "DetectorNormalizationCorrection": "NORM",
}
"""YES or NO of Enhanced PET, and the word of Corrected Image (0028,0051) that it stands for."""

UNITS = {
    "bq/ml": ("BQML", ""),
    "g/ml{suvbw}": ("GML", "BW"),
    "{suvbw}g/ml": ("GML", "BW"),
    "g/ml{suvlbm}": ("GML", "LBM"),
    "{suvlbm}g/ml": ("GML", "LBM"),
    "g/ml{suvibw}": ("GML", "IBW"),
    "{suvibw}g/ml": ("GML", "IBW"),
    "cm2/ml{suvbsa}": ("GML", "BSA"),
    "{suvbsa}cm2/ml": ("GML", "BSA"),
    "{counts}": ("CNTS", ""),
}
"""Units of CID 84 (UCUM, in small letters): what Units (0054,1001) and SUV Type (0054,1006) are of it."""

PREFERRED = ("bq/ml", "g/ml{suvbw}", "{suvbw}g/ml")
"""Of several mappings the first of these is taken: activity, from which SUV is computed here, before SUV."""


def describe_corrections(header: Dataset) -> str | None:
    """Add Corrected Image and Decay Correction, as classic PET has them, to a frame's header.

    Values corrected for decay are so to Decay Correction DateTime (0018,9701), which
    `cipa.io.dicom.suv` reads.

    Returns:
        What keeps it from being understood, or None.
    """
    if value(header, "CorrectedImage") is not None:
        return None
    header.CorrectedImage = [
        word for keyword, word in CORRECTIONS.items() if text(header, keyword).upper() == "YES"
    ]
    if text(header, "DecayCorrection"):
        return None
    corrected, name = text(header, "DecayCorrected").upper(), name_of("DecayCorrected")
    if corrected not in ("YES", "NO"):
        return (
            f"{name} is {'missing' if not corrected else 'neither YES nor NO'}; export the PET again with it"
        )
    if corrected == "YES" and not text(header, "DecayCorrectionDateTime"):
        return f"{name_of('DecayCorrectionDateTime')} is missing; export the PET again with it"
    header.DecayCorrection = "START" if corrected == "YES" else "NONE"
    return None


def describe_units(header: Dataset, groups: Mapping[str, Sequence[Dataset]]) -> str | None:
    """Add Units, and the rescale to them, to the header of a frame that has no classic Units.

    Returns:
        What keeps it from being understood, or None.
    """
    if text(header, "Units"):
        return None
    name = name_of("RealWorldValueMappingSequence")
    mappings = groups.get("RealWorldValueMappingSequence", ())
    unit, found = _choose(mappings)
    if not found:
        what = "has no unit that is known" if mappings else "is missing"
        return f"{name} {what}, so that values mean nothing; export the PET in Bq/mL"
    if len(found) > 1:
        return f"{name} maps ranges of values apart to {unit}; export the PET with one linear mapping"
    slope, intercept = (number(found[0], f"RealWorldValue{part}") for part in ("Slope", "Intercept"))
    if slope is None or intercept is None:
        return f"{name} has no slope and intercept; export the PET with a linear mapping"
    kind, suv = UNITS[unit]
    header.Units = kind
    if suv:
        header.SUVType = suv
    header.add_new("RescaleSlope", "FD", slope)
    header.add_new("RescaleIntercept", "FD", intercept)
    return None


def _choose(mappings: Sequence[Dataset]) -> tuple[str, list[Dataset]]:
    """Return the unit to take, and the mappings to it: one, unless ranges of values are mapped apart."""
    units = [_unit(one) for one in mappings]
    wanted = next((unit for unit in (*PREFERRED, *UNITS) if unit in units), "")
    return wanted, [one for one, unit in zip(mappings, units, strict=True) if wanted and unit == wanted]


def _unit(mapping: Dataset) -> str:
    codes = value(mapping, "MeasurementUnitsCodeSequence")
    return "" if codes is None else text(codes[0], "CodeValue").lower()
