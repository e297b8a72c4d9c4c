"""Masks drawn as DICOM SEG or RTSTRUCT, by any program, on the CT's grid."""

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

from pydicom import dcmread

from cipa.errors import DataError
from cipa.io.dicom.identity import find_secrets
from cipa.io.dicom.objects.read_rtstruct import read_rtstruct
from cipa.io.dicom.objects.read_seg import read_seg
from cipa.io.dicom.objects.regions import Regions
from cipa.io.dicom.objects.rtstruct import SOP_CLASS as RTSTRUCT
from cipa.io.dicom.silence import quiet
from cipa.io.dicom.tags import text
from cipa.io.volume import Volume
from cipa.readers import read_or_refuse, require_file

SEGS = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")
"""SOP classes Segmentation and Label Map Segmentation."""


@quiet()
def read_regions(
    path: Path,
    ct: Volume,
    pet: Volume | None = None,
    frame: str = "",
    wanted: Sequence[str] = (),
) -> Regions:
    """Read segments or ROIs.

    Args:
        path: file of a SEG or RTSTRUCT.
        ct: the CT, on whose grid masks are wanted.
        pet: the PET, on which contours may be drawn as well; a SEG may lie on any grid.
        frame: Frame of Reference UID of CT and PET; empty where it is not known, as of NIfTI.
        wanted: names or patterns, as `cipa.io.dicom.objects.regions.choose_regions` takes them.

    Returns:
        What is wanted, by name. No line of it holds the patient's identity.

    Raises:
        DataError: the file is damaged or neither of the two, holds no region wanted, is of another frame of
            reference, has fractional values, or contours that are open or lie in no slice.
    """
    require_file(path, "give a DICOM SEG or RTSTRUCT file")
    return read_or_refuse(
        path,
        "a DICOM SEG or RTSTRUCT, or a damaged one",
        "export it again",
        lambda: _read(path, ct, pet, frame, wanted),
    )


def _read(path: Path, ct: Volume, pet: Volume | None, frame: str, wanted: Sequence[str]) -> Regions:
    # From memory a damaged length gives what there is; from a file as many bytes as it claims are allocated.
    content = path.read_bytes()
    header = dcmread(BytesIO(content), stop_before_pixels=True)
    secrets = find_secrets([header])
    kind = text(header, "SOPClassUID")
    try:
        if kind == RTSTRUCT:
            found = read_rtstruct(header, ct, pet, frame, wanted)
        elif kind in SEGS:
            found = read_seg(BytesIO(content), ct, frame, wanted)
        else:
            raise DataError("neither DICOM SEG nor RTSTRUCT; give the file of the mask")
    except DataError as error:
        raise DataError(f"{path}: {secrets.scrub(str(error))}") from None
    names, lines = (tuple(map(secrets.scrub, some)) for some in (found.names, found.warnings))
    return Regions(names, found.masks, lines)
