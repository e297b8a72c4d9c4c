"""UIDs of results that follow from their input: a study segmented again after a crash gives the same objects.

The writers of objects draw random UIDs. Here each UID that is neither the source's nor of the standard is
replaced in all objects of a result by one that is computed from a seed and from its order among them, in the
form of a UUID-derived UID (DICOM PS3.5 B.2, a version 5 UUID of RFC 9562).
"""

import uuid
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from pydicom import dcmread
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.uid import UID

from cipa.files import atomic_file
from cipa.io.dicom.silence import quiet

STANDARD = "1.2.840.10008."
"""Root of the UIDs that the standard gives."""

NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, "https://arxiv.org/abs/2503.17261")


@quiet()
def make_uids_stable(paths: Sequence[Path], source: Iterable[Dataset], seed: str) -> None:
    """Rewrite the objects of a result, each whole or not at all.

    Args:
        paths: the files, in an order that is the same for the same result.
        source: headers of the images that they refer to.
        seed: what the UIDs are computed from, the same for the same input, network and settings.

    Raises:
        OSError: a file cannot be written.
    """
    foreign = {one for header in source for one in _uids(header)}
    objects = [dcmread(path) for path in paths]
    own = dict.fromkeys(
        one
        for found in objects
        for one in _uids(found)
        if one not in foreign and not one.startswith(STANDARD)
    )
    stable = {one: stable_uid(seed, order) for order, one in enumerate(own)}
    for path, found in zip(paths, objects, strict=True):
        for element in _uid_elements(found):
            element.value = [stable.get(one, one) for one in _values(element)]
        found.file_meta.MediaStorageSOPInstanceUID = found.SOPInstanceUID
        with atomic_file(path) as partial:
            found.save_as(partial, enforce_file_format=True)


def stable_uid(seed: str, order: int) -> UID:
    """Return the UID of a seed and a number."""
    return UID(f"2.25.{uuid.uuid5(NAMESPACE, f'{seed}/{order}').int}")


def _uids(found: Dataset) -> Iterator[str]:
    for element in _uid_elements(found):
        yield from _values(element)


def _uid_elements(found: Dataset) -> Iterator[DataElement]:
    for element in found.iterall():
        if element.VR == "UI" and element.value:
            yield element


def _values(element: DataElement) -> list[str]:
    value = element.value
    return list(map(str, value)) if isinstance(value, (MultiValue, list)) else [str(value)]
