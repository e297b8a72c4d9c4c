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

QUANTITIES: dict[str, tuple[Code, Code, Code | None]] = {
    "volume_ml": (Code("118565006", "SCT", "Volume"), MILLILITRE, None),
    "suv_max": (SUVBW, SUV_UNIT, Code("56851009", "SCT", "Maximum")),
    "suv_mean": (SUVBW, SUV_UNIT, Code("373098007", "SCT", "Mean")),
    "suv_peak": (SUVBW, SUV_UNIT, Code("126031", "DCM", "Peak Value Within ROI")),
    "tlg": (GLYCOLYSIS, GRAM, None),
    "longest_axial_mm": (Code("103339001", "SCT", "Long axis"), Code("mm", "UCUM", "millimeter"), None),
    "mtv_ml": (Code("126032", "DCM", "Metabolic Volume"), MILLILITRE, None),
}
"""By the column of a table: concept, unit and derivation."""


def make_content(
    seg: Dataset,
    ct: Sequence[Slice],
    lesions: Sequence[LesionObject],
    totals: Mapping[str, Any],
    by: Algorithm,
) -> "MeasurementReport":
    """Return the content of the report, TID 1500, of what `cipa.io.dicom.objects.sr.write_sr` takes."""
    from highdicom.sr import MeasurementReport
    from pydicom.sr.codedict import codes

    return MeasurementReport(
        observation_context=_observer(by),
        procedure_reported=PET_CT,
        imaging_measurements=[*(_of_lesion(seg, ct, lesion, by) for lesion in lesions), _of_all(totals)],
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


def _measurements(values: Mapping[str, Any]) -> Iterator["Measurement"]:
    from highdicom.sr import Measurement

    for name, (concept, unit, derivation) in QUANTITIES.items():
        value = values.get(name)
        if value is not None:
            yield Measurement(name=concept, value=round(float(value), 6), unit=unit, derivation=derivation)
