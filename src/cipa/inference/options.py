"""How a study is segmented and what its user knows about it: every option and default, defined once."""

from dataclasses import asdict, dataclass, fields
from math import isfinite
from typing import Any, TypedDict

from cipa.errors import UsageError
from cipa.io.dicom.examination import HEIGHT_M, SEXES
from cipa.io.dicom.frame_choice import frame_range
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
        frame: number of the time frame to segment of a dynamic or gated series, from 1.
        sum_frames: first and last of several time frames, whose mean is segmented instead, weighted by how
            long each was acquired.

    Raises:
        UsageError: both `frame` and `sum_frames`, or a number that no frame has.
    """

    ct_series: str | None = None
    pet_series: str | None = None
    weight_kg: float | None = None
    dose_mbq: float | None = None
    frame: int | None = None
    sum_frames: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        frame_range(self.frame, self.sum_frames)

    def to_dict(self) -> dict[str, Any]:
        """Return those that are not None, by name, in JSON types."""
        found = {name: value for name, value in asdict(self).items() if value is not None}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in found.items()}


@dataclass(frozen=True)
class ReportOptions:
    """What a user says for the report; None for what the headers say, or for nothing.

    Attributes:
        height_m: the patient's height, of DICOM studies only, as `sex` and `show_id`.
        sex: M or F, by which lean body mass is computed; O where neither formula holds.
        liver_mm: centre of a sphere of 3 cm in healthy liver, x, y, z in DICOM's coordinates (LPS).
        blood_pool_mm: centre of a cylinder of 1 x 2 cm in the descending aorta, likewise.
        pseudonym: what the report calls the patient.
        show_id: whether it shows Patient ID (0010,0020).

    Raises:
        UsageError: a value out of its range.
    """

    height_m: float | None = None
    sex: str | None = None
    liver_mm: tuple[float, float, float] | None = None
    blood_pool_mm: tuple[float, float, float] | None = None
    pseudonym: str | None = None
    show_id: bool = False

    def __post_init__(self) -> None:
        lowest, highest = HEIGHT_M
        if self.height_m is not None and not lowest <= self.height_m <= highest:
            raise UsageError(f"height_m {self.height_m:g}: give metres, {lowest:g} to {highest:g}")
        if self.sex not in (None, *SEXES):
            raise UsageError(f"sex {self.sex!r}: give M, F or O")
        for name in ("liver_mm", "blood_pool_mm"):
            place = getattr(self, name)
            if place is not None and not (len(place) == 3 and all(map(isfinite, place))):
                raise UsageError(f"{name} {place}: give x, y and z in millimetres (LPS)")

    def to_dict(self) -> dict[str, Any]:
        """Return those that were given, by name, in JSON types."""
        found = {
            name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()
        }
        return {name: value for name, value in found.items() if value not in (None, False)}


DEFAULTS, NOTHING_GIVEN, NOTHING_SAID = VolumeOptions(), StudyOptions(), ReportOptions()
"""What holds where nobody says otherwise."""

KINDS = (VolumeOptions, StudyOptions, ReportOptions)

ONE_STUDY = ("liver_mm", "blood_pool_mm", "pseudonym", "height_m", "sex")
"""Of `ReportOptions`, what is true of one study and not of a folder of many."""

DICOM_ONLY = ("height_m", "sex", "show_id")
"""Of `ReportOptions`, what means nothing for other files."""


class PredictOptions(TypedDict, total=False):
    """The options of all three kinds as keywords of `Predictor.predict`."""

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
    frame: int | None
    sum_frames: tuple[int, int] | None
    height_m: float | None
    sex: str | None
    liver_mm: tuple[float, float, float] | None
    blood_pool_mm: tuple[float, float, float] | None
    pseudonym: str | None
    show_id: bool


def split_options(options: PredictOptions) -> tuple[VolumeOptions, StudyOptions, ReportOptions]:
    """Sort keywords into the kinds of options.

    Raises:
        UsageError: there is no option of a name, or a value is out of its range.
    """
    parts: list[dict[str, Any]] = []
    rest = dict(options)
    for kind in KINDS:
        parts.append({field.name: rest.pop(field.name) for field in fields(kind) if field.name in rest})
    if rest:
        known = ", ".join(field.name for kind in KINDS for field in fields(kind))
        raise UsageError(f"unknown option '{next(iter(rest))}': choose {known}")
    return VolumeOptions(**parts[0]), StudyOptions(**parts[1]), ReportOptions(**parts[2])
