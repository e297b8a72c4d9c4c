"""Files that hold a DICOM data set, with the preamble that DICOM PS3.10 asks for or without it."""

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

REPRESENTATIONS = (
    *(b"AE", b"AS", b"CS", b"DA", b"DS", b"DT", b"IS", b"LO", b"LT", b"OB", b"PN", b"SH", b"SQ", b"ST"),
    *(b"TM", b"UI", b"UL", b"UN", b"US"),
)
"""Value representations of the groups that a data set begins with."""

LONGEST = 2**16
"""Bytes of a first element that are believed."""


def begins_like_dicom(head: bytes) -> bool:
    """Tell by a file's first 140 bytes whether it is DICOM.

    Without a preamble it begins with an element of group 0002 (file meta information) or 0008.
    """
    return head[128:132] == b"DICM" or begins_like_data_set(head)


def begins_like_data_set(head: bytes) -> bool:
    """Tell whether bytes begin with an element of group 0002 or 0008, in any encoding."""
    if len(head) < 12:
        return False
    little, big = head[:2] in (b"\x02\0", b"\x08\0"), head[:2] in (b"\0\x02", b"\0\x08")
    if not little and not big:
        return False
    element = int.from_bytes(head[2:4], "little" if little else "big")
    if element > 0x2FFF:
        return False
    if head[4:6] in REPRESENTATIONS:
        return True
    return little and int.from_bytes(head[4:8], "little") < LONGEST and element < 0x1200


def complete_meta(header: Dataset, is_encapsulated: bool) -> None:
    """Name the transfer syntax of a file that does not, as it was found to be encoded.

    Where pixels are compressed, how is not known without it.
    """
    meta = getattr(header, "file_meta", None)
    if meta is None:
        meta = header.file_meta = FileMetaDataset()
    if "TransferSyntaxUID" in meta or is_encapsulated:
        return
    is_implicit, is_little = header.original_encoding
    if is_implicit is None or is_little is None:
        return
    explicit = ExplicitVRLittleEndian if is_little else ExplicitVRBigEndian
    meta.TransferSyntaxUID = ImplicitVRLittleEndian if is_implicit else explicit
