"""The content tree of the structured report: which concept, unit and reference each measurement has."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pydicom.dataset import Dataset
from pydicom.sr.coding import Code
from pydicom.uid import generate_uid

from cipa.io.dicom.objects.document import MANUFACTURER
from cipa.io.dicom.objects.lesion import Algorithm, LesionObject
from cipa.io.dicom.objects.references import refer_to
from cipa.io.dicom.slices import Slice

if TYPE_CHECKING:
    from highdicom.sr import (
        Measurement,
        MeasurementReport,
        MeasurementsAndQualitativeEvaluations,
        ObservationContext,
        QualitativeEvaluation,
        ReferencedSegment,
        VolumetricROIMeasurementsAndQualitativeEvaluations,
    )

ALL_LESIONS = "All lesions"

PET_CT = Code("363679005", "SCT", "Imaging procedure")
"""What was done: CID 100 has PET-CT with a tracer only, which need not be FDG."""

SUVBW = Code("126401", "DCM", "SUVbw")
SUV_UNIT = Code("g/ml{SUVbw}", "UCUM", "Standardized Uptake Value body weight")
MILLILITRE, GRAM = Code("mL", "UCUM", "milliliter"), Code("g", "UCUM", "gram")
GLYCOLYSIS = Code("126033", "DCM", "Total Lesion Glycolysis")

SUVLBM = Code("126405", "DCM", "SUVlbm(Janma)")
SUL_UNIT = Code("g/ml{SUVlbm(Janma)}", "UCUM", "Standardized Uptake Value lean body mass (Janma)")
METABOLIC_VOLUME = Code("126032", "DCM", "Metabolic Volume")
MILLIMETRE = Code("mm", "UCUM", "millimeter")
MAXIMUM, MEAN = Code("56851009", "SCT", "Maximum"), Code("373098007", "SCT", "Mean")
PEAK = Code("126031", "DCM", "Peak Value Within ROI")
DEVIATION = Code("386136009", "SCT", "Standard Deviation")

OWN_SCHEME = "99CIPA"
"""Of methods for which no standard has a code."""

GROWN = {"41pct": "41 % of SUVmax", "50pct": "50 % of SUVmax", "suv2_5": "SUV 2.5", "suv4": "SUV 4.0"}
"""Thresholds of regions that are grown from lesions, by their names in columns."""

Quantities = Mapping[str, tuple[Code, Code, Code | None]]

QUANTITIES: Quantities = {
    "volume_ml": (Code("118565006", "SCT", "Volume"), MILLILITRE, None),
    "suv_max": (SUVBW, SUV_UNIT, MAXIMUM),
    "suv_mean": (SUVBW, SUV_UNIT, MEAN),
    "suv_peak": (SUVBW, SUV_UNIT, PEAK),
    "sul_max": (SUVLBM, SUL_UNIT, MAXIMUM),
    "sul_mean": (SUVLBM, SUL_UNIT, MEAN),
    "sul_peak": (SUVLBM, SUL_UNIT, PEAK),
    "tlg": (GLYCOLYSIS, GRAM, None),
    "longest_axial_mm": (Code("103339001", "SCT", "Long axis"), MILLIMETRE, None),
    "mtv_ml": (METABOLIC_VOLUME, MILLILITRE, None),
    "dmax_mm": (Code("121206", "DCM", "Distance"), MILLIMETRE, MAXIMUM),
    **{f"mtv_{name}_ml": (METABOLIC_VOLUME, MILLILITRE, None) for name in GROWN},
    **{f"tlg_{name}": (GLYCOLYSIS, GRAM, None) for name in GROWN},
}
"""By the column of a table: concept, unit and derivation."""

METHODS = {
    "dmax_mm": Code("dmax", OWN_SCHEME, "Largest distance between lesion centroids"),
    **{
        column: Code(name, OWN_SCHEME, f"Region grown from the lesion at {threshold}")
        for name, threshold in GROWN.items()
        for column in (f"mtv_{name}_ml", f"tlg_{name}")
    },
}
"""By the same column, where concept and derivation do not say it all."""

LATERALITY = Code("272741003", "SCT", "Laterality")
SIDES = {
    "left": Code("7771000", "SCT", "Left"),
    "right": Code("24028007", "SCT", "Right"),
    "midline": Code("261129000", "SCT", "Midline"),
}

REFERENCES = {
    "liver": ("Liver reference", Code("10200004", "SCT", "Liver")),
    "blood_pool": ("Blood pool reference", Code("15825003", "SCT", "Aorta")),
}
"""By the name in `Prediction.facts`: tracking identifier and site."""

OF_REFERENCES = {
    "mean_suv": (SUVBW, SUV_UNIT, MEAN),
    "sd_suv": (SUVBW, SUV_UNIT, DEVIATION),
    "mean_sul": (SUVLBM, SUL_UNIT, MEAN),
    "sd_sul": (SUVLBM, SUL_UNIT, DEVIATION),
}


def make_content(
    seg: Dataset,
    ct: Sequence[Slice],
    lesions: Sequence[LesionObject],
    totals: Mapping[str, Any],
    by: Algorithm,
    references: Mapping[str, Any],
) -> "MeasurementReport":
    """Return the content of the report, TID 1500, of what `cipa.io.dicom.objects.sr.write_sr` takes."""
    from highdicom.sr import MeasurementReport
    from pydicom.sr.codedict import codes

    return MeasurementReport(
        observation_context=_observer(by),
        procedure_reported=PET_CT,
        imaging_measurements=[
            *(_of_lesion(seg, ct, lesion, by) for lesion in lesions),
            _of_all(totals),
            *(_of_reference(kind, references[kind]) for kind in REFERENCES if kind in references),
        ],
        title=codes.DCM.ImagingMeasurementReport,
    )


def _observer(by: Algorithm) -> "ObservationContext":
    """Say that software measured, and no person."""
    from highdicom.sr import DeviceObserverIdentifyingAttributes, ObservationContext, ObserverContext
    from pydicom.sr.codedict import codes

    device = DeviceObserverIdentifyingAttributes(
        uid=generate_uid(prefix=None), name=by.name, manufacturer_name=MANUFACTURER
    )
    return ObservationContext(
        observer_device_context=ObserverContext(
            observer_type=codes.DCM.Device, observer_identifying_attributes=device
        )
    )


def _of_lesion(
    seg: Dataset, ct: Sequence[Slice], lesion: LesionObject, by: Algorithm
) -> "VolumetricROIMeasurementsAndQualitativeEvaluations":
    """Return the group of a lesion, TID 1411."""
    from highdicom.sr import (
        AlgorithmIdentification,
        FindingSite,
        TrackingIdentifier,
        VolumetricROIMeasurementsAndQualitativeEvaluations,
    )
    from pydicom.sr.codedict import codes

    return VolumetricROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(uid=lesion.uid, identifier=lesion.label),
        referenced_segment=_segment(seg, ct, lesion),
        finding_type=codes.SCT.Neoplasm,
        finding_category=codes.SCT.MorphologicallyAbnormalStructure,
        finding_sites=[FindingSite(codes.SCT.Lung)] if lesion.is_in_lung else None,
        algorithm_id=AlgorithmIdentification(name=by.name, version=by.version),
        measurements=list(_measurements(lesion.values)),
        qualitative_evaluations=_side(lesion),
    )


def _side(lesion: LesionObject) -> "list[QualitativeEvaluation] | None":
    """Say on which side of the patient a lesion lies, where that is known."""
    from highdicom.sr import QualitativeEvaluation

    side = SIDES.get(str(lesion.values.get("side")))
    return None if side is None else [QualitativeEvaluation(name=LATERALITY, value=side)]


def _of_reference(kind: str, values: Mapping[str, Any]) -> "MeasurementsAndQualitativeEvaluations":
    """Return the uptake of a region that the user pointed to, TID 1501."""
    from highdicom.sr import FindingSite, MeasurementsAndQualitativeEvaluations, TrackingIdentifier

    identifier, site = REFERENCES[kind]
    return MeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(uid=generate_uid(prefix=None), identifier=identifier),
        finding_sites=[FindingSite(site)],
        measurements=list(_measurements(values, OF_REFERENCES)),
    )


def _segment(seg: Dataset, ct: Sequence[Slice], lesion: LesionObject) -> "ReferencedSegment":
    """Refer to a lesion's segment, and to the CT images on which it lies."""
    from highdicom.sr import ReferencedSegment, SourceImageForSegmentation

    return ReferencedSegment(
        sop_class_uid=seg.SOPClassUID,
        sop_instance_uid=seg.SOPInstanceUID,
        segment_number=lesion.number,
        source_images=[
            SourceImageForSegmentation(one.sop_class, one.uid, list(one.frames) or None)
            for one in refer_to(ct[lesion.box[2]])
        ],
    )


def _of_all(totals: Mapping[str, Any]) -> "MeasurementsAndQualitativeEvaluations":
    """Return what is measured on all lesions together, TID 1501; there also where no lesion is."""
    from highdicom.sr import MeasurementsAndQualitativeEvaluations, TrackingIdentifier
    from pydicom.sr.codedict import codes

    return MeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(uid=generate_uid(prefix=None), identifier=ALL_LESIONS),
        finding_type=codes.SCT.Neoplasm,
        measurements=list(_measurements(totals)),
    )


def _measurements(values: Mapping[str, Any], quantities: Quantities = QUANTITIES) -> Iterator["Measurement"]:
    from highdicom.sr import Measurement

    for name, (concept, unit, derivation) in quantities.items():
        value = values.get(name)
        if value is not None:
            yield Measurement(
                name=concept,
                value=round(float(value), 6),
                unit=unit,
                derivation=derivation,
                method=METHODS.get(name),
            )
