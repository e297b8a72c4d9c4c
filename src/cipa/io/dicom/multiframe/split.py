"""From one multi-frame file to a slice a frame, or one line on why there are none."""

from collections.abc import Mapping, Sequence

from pydicom.dataset import Dataset

from cipa.io.dicom.multiframe.frame_file import FrameFile
from cipa.io.dicom.multiframe.functional_groups import frame_header, functional_groups, strip_groups
from cipa.io.dicom.multiframe.pet import describe_corrections, describe_units
from cipa.io.dicom.slices import Slice
from cipa.io.dicom.tags import name_of, number, text, value

CT = ("1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.2.2")
"""SOP classes Enhanced CT and Legacy Converted Enhanced CT Image Storage."""

PET = ("1.2.840.10008.5.1.4.1.1.130", "1.2.840.10008.5.1.4.1.1.128.1")
"""SOP classes Enhanced PET and Legacy Converted Enhanced PET Image Storage."""

NEEDED = ("PlanePositionSequence", "PlaneOrientationSequence", "PixelMeasuresSequence")
"""Functional groups without which a frame lies nowhere."""

VALUES = ("PixelValueTransformationSequence", "RealWorldValueMappingSequence")
"""Functional groups that tell what stored values mean; either does."""


def split_frames(one: Slice) -> list[Slice]:
    """Split a file of enhanced CT or PET into its frames; any other file stays as it is.

    Args:
        one: a file.

    Returns:
        A slice a frame, in the order of the file, or the file with `problem` where it is malformed.
    """
    if text(one.header, "SOPClassUID") not in CT + PET:
        return [one]
    kind = "PET" if text(one.header, "SOPClassUID") in PET else "CT"
    try:
        return _split(one)
    except _Malformed as error:
        why = str(error)
    except Exception:  # damage within sequences makes pydicom raise almost anything
        why = "its functional groups are damaged; copy the study again"
    return [Slice(one.entry, one.header, one.pixels_at, problem=f"enhanced multi-frame {kind}: {why}")]


class _Malformed(ValueError):
    """A multi-frame file contradicts itself or lacks what its frames need."""


def _split(one: Slice) -> list[Slice]:
    items = _items(one.header)
    shared = _shared_groups(one.header)
    dimensions = len(value(one.header, "DimensionIndexSequence") or ())
    base = strip_groups(one.header)
    is_pet = text(base, "SOPClassUID") in PET
    file = FrameFile(one.entry, one.header, one.pixels_at, len(items))
    found = []
    for frame, item in enumerate(items, start=1):
        groups = functional_groups(shared, item)
        _check(groups, frame, dimensions)
        header = frame_header(base, shared, item, groups, frame)
        if is_pet:
            problem = describe_corrections(header) or describe_units(header, groups)
            if problem:
                raise _Malformed(problem)
        found.append(Slice(one.entry, header, one.pixels_at, frame, file))
    return found


def _items(header: Dataset) -> Sequence[Dataset]:
    """Return the functional groups of each frame."""
    keyword = "PerFrameFunctionalGroupsSequence"
    items, count = value(header, keyword), number(header, "NumberOfFrames")
    if count is None or count < 1 or count != int(count):
        raise _Malformed(f"{name_of('NumberOfFrames')} is missing or malformed; export the series again")
    if items is None:
        raise _Malformed(f"{name_of(keyword)} is missing; export the series again")
    if len(items) != count:
        raise _Malformed(
            f"{name_of('NumberOfFrames')} is {count:g}, but {name_of(keyword)} has {len(items)} items; "
            "export the series again"
        )
    found: Sequence[Dataset] = items
    return found


def _shared_groups(header: Dataset) -> Dataset:
    items: Sequence[Dataset] | None = value(header, "SharedFunctionalGroupsSequence")
    return items[0] if items else Dataset()


def _check(groups: Mapping[str, Sequence[Dataset]], frame: int, dimensions: int) -> None:
    """Refuse a frame without place or values, or with other dimensions than its file says."""
    for keyword in NEEDED:
        if keyword not in groups:
            raise _Malformed(f"frame {frame} lacks {name_of(keyword)}; export the series again")
    if not any(keyword in groups for keyword in VALUES):
        raise _Malformed(f"frame {frame} lacks {name_of(VALUES[0])}; export the series again")
    indices = value(groups.get("FrameContentSequence", [Dataset()])[0], "DimensionIndexValues")
    count = 0 if indices is None else len(indices) if hasattr(indices, "__len__") else 1
    if count and count != dimensions:
        raise _Malformed(
            f"frame {frame} has {count} {name_of('DimensionIndexValues')}, but "
            f"{name_of('DimensionIndexSequence')} has {dimensions}; export the series again"
        )
