"""How a study is segmented and what its user knows about it: every option and default, defined once."""

from dataclasses import asdict, dataclass, fields
from typing import Any, TypedDict

from cipa.errors import UsageError
from cipa.io.plane import FIELD_OF_VIEW_MM


@dataclass(frozen=True)
class VolumeOptions:
    """How volumes become the network's images, and which of its marks count as lesions.

    Attributes:
        fit: how slices go onto the network's image: `auto`, `pad` or `resample`, as in `cipa.io.plane`.
        field_of_view: millimetres that the network's image spans.
        ct_window: HU that become black and white; None for those stored with the weights.
        suv_max: SUV that becomes white; None for the one stored with the weights.
        min_suv: SUVmax below which a lesion is left out as one without uptake, 0 for none; None for the one
            stored with the weights.
        keep_all: keep marks outside the patient's body, and lesions without uptake.

    Raises:
        UsageError: a value out of its range.
    """

    fit: str = "auto"
    field_of_view: float = FIELD_OF_VIEW_MM
    ct_window: tuple[float, float] | None = None
    suv_max: float | None = None
    min_suv: float | None = None
    keep_all: bool = False

    def __post_init__(self) -> None:
        if self.min_suv is not None and not self.min_suv >= 0:
            raise UsageError(f"min_suv {self.min_suv:g}: give a SUV of 0 or more")


@dataclass(frozen=True)
class StudyOptions:
    """What a user specifies about a DICOM study in place of its headers; None keeps the header's value.

    Attributes:
        ct_series: series number or UID of the CT.
        pet_series: series number or UID of the PET.
        weight_kg: the patient's weight.
        dose_mbq: activity at injection.
    """

    ct_series: str | None = None
    pet_series: str | None = None
    weight_kg: float | None = None
    dose_mbq: float | None = None

    def given(self) -> dict[str, Any]:
        """Return those that are not None, by name."""
        return {name: value for name, value in asdict(self).items() if value is not None}


DEFAULTS, NOTHING_GIVEN = VolumeOptions(), StudyOptions()
"""What holds where nobody says otherwise."""


class PredictOptions(TypedDict, total=False):
    """The options of `VolumeOptions` and `StudyOptions` as keywords of `Predictor.predict`."""

    fit: str
    field_of_view: float
    ct_window: tuple[float, float] | None
    suv_max: float | None
    min_suv: float | None
    keep_all: bool
    ct_series: str | None
    pet_series: str | None
    weight_kg: float | None
    dose_mbq: float | None


def split_options(options: PredictOptions) -> tuple[VolumeOptions, StudyOptions]:
    """Sort keywords into the two kinds of options.

    Raises:
        UsageError: there is no option of a name, or a value is out of its range.
    """
    parts: list[dict[str, Any]] = []
    rest = dict(options)
    for kind in (VolumeOptions, StudyOptions):
        parts.append({field.name: rest.pop(field.name) for field in fields(kind) if field.name in rest})
    if rest:
        known = ", ".join(field.name for kind in (VolumeOptions, StudyOptions) for field in fields(kind))
        raise UsageError(f"unknown option '{next(iter(rest))}': choose {known}")
    return VolumeOptions(**parts[0]), StudyOptions(**parts[1])
