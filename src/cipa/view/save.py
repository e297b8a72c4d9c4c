"""A new revision: labels of the page, measured by the code of `cipa predict`, and every file written anew."""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cipa.inference.dicom_objects import FILES
from cipa.inference.measure import measure_labels
from cipa.inference.result import Prediction
from cipa.inference.revisions import RECORD, REJECTED, next_folder
from cipa.inference.save import NOTE, Writer, write_labels
from cipa.io.nifti import write_volume
from cipa.io.volume import Volume
from cipa.lesions.measure import Lesion
from cipa.report.dicom import CAPTURES, REPORT, WRITERS
from cipa.report.study import INTERACTIVE, write_study_report
from cipa.version import __version__
from cipa.view.autosave import now
from cipa.view.catalogue import require_result
from cipa.view.edits import Edits
from cipa.view.interactive import write_interactive_view
from cipa.view.page_order import page_order
from cipa.view.studies import OpenStudy

Labels = npt.NDArray[np.unsignedinteger]

OF_STUDY = ("source", "ct", "pet", "suv", "given")
"""Facts that come from the images, which are read again."""


def save_revision(
    result: Path, study: OpenStudy, labels: Labels, edits: Edits, parent: int
) -> dict[int, int]:
    """Write a new revision of a result, whole or not at all.

    Args:
        result: folder of the result.
        study: its images.
        labels: (z, y, x), what the page drew.
        edits: what the page says of the lesions.
        parent: number of the revision that was corrected.

    Returns:
        The new number of each label that is left.

    Raises:
        DataError: the result is damaged.
        OSError: the disk is full or the like; the result is as it was.
    """
    numbers, kept = number_lesions(labels, edits)
    drawn = _renumber(labels, numbers, study.pair.ct)
    number, folder = next_folder(result)
    try:
        made = now()
        prediction, rejected = _measure(result, study, drawn, kept)
        prediction.facts["revision"] = _facts(number, made, edits, numbers, kept)
        record = _record(number, made, parent, edits, numbers, rejected)

        def write_record(_: Prediction, place: Path) -> None:
            """Write who made what, and the lesions that are none."""
            if rejected:
                others = np.where(drawn > kept, drawn, 0).astype(drawn.dtype)
                write_volume(place / REJECTED, others, study.pair.ct, NOTE.format("rejected lesions"))
            (place / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")

        objects, also = writers_of(result)
        prediction.save(folder, also, objects=objects, needed=(write_record, write_labels))
    except BaseException:
        _give_up(folder)
        raise
    return numbers


def number_lesions(labels: Labels, edits: Edits) -> tuple[dict[int, int], int]:
    """Give lesions their numbers: largest first, those rejected after all others.

    Args:
        labels: of the page.
        edits: which are rejected.

    Returns:
        New number by label, of labels that have voxels; and how many are not rejected.
    """
    most = int(labels.max(initial=0)) + 1
    sizes = np.zeros(most, np.intp)
    for image in labels:  # `bincount` takes 8 bytes a voxel
        if image.any():
            sizes += np.bincount(image.ravel(), minlength=most)
    there = [label for label in np.flatnonzero(sizes).tolist() if label]
    rejected = {label for label in there if edits.of(label).state == "rejected"}
    order = sorted(there, key=lambda label: (label in rejected, -sizes[label], label))
    return {label: number for number, label in enumerate(order, start=1)}, len(there) - len(rejected)


def writers_of(result: Path) -> tuple[Sequence[str], tuple[Writer, ...]]:
    """Return which DICOM objects, and what else, a revision is written with: as the result itself was."""
    objects = [kind for kind, name in FILES.items() if (result / name).exists()]
    pictures = [
        WRITERS[kind] for kind, name in (("sc", CAPTURES), ("pdf", REPORT)) if (result / name).exists()
    ]
    interactive = (write_interactive_view,) if (result / INTERACTIVE).exists() else ()
    return objects, (*interactive, write_study_report, *pictures)


def _measure(result: Path, study: OpenStudy, drawn: Labels, kept: int) -> tuple[Prediction, list[Lesion]]:
    """Return the result without the rejected lesions, and these, measured as if there were no others."""
    earlier = require_result(result)["facts"]
    facts = {name: value for name, value in earlier.items() if name not in OF_STUDY}

    def measure(labels: Labels) -> Prediction:
        """Measure lesions of these labels, 1 to N."""
        return measure_labels(labels, study.pair, facts, study.lines, find_body=lambda _: study.body)

    is_rejected = drawn > kept
    if not is_rejected.any():
        return measure(drawn), []
    others = measure(np.where(is_rejected, drawn - drawn.dtype.type(kept), 0).astype(drawn.dtype))
    rejected = [replace(lesion, number=lesion.number + kept) for lesion in others.lesions]
    return measure(np.where(is_rejected, 0, drawn).astype(drawn.dtype)), rejected


def _renumber(labels: Labels, numbers: dict[int, int], ct: Volume) -> Labels:
    """Give labels of the page their new numbers, in the CT's order of axes and memory."""
    dtype = np.uint8 if len(numbers) <= 255 else np.uint16
    table = np.zeros(max(numbers, default=0) + 1, dtype)
    table[list(numbers)] = list(numbers.values())
    turned: Labels = np.empty_like(ct.array, dtype=dtype)
    for image, drawn in zip(page_order(turned, ct.affine), labels, strict=True):
        image[...] = table[drawn]
    return turned


def _facts(number: int, made: str, edits: Edits, numbers: dict[int, int], kept: int) -> dict[str, Any]:
    names = {
        str(new): edits.of(old).name for old, new in numbers.items() if new <= kept and edits.of(old).name
    }
    return {"number": number, "made": made, "by": "person", "tools": list(edits.tools), "names": names}


def _record(
    number: int, made: str, parent: int, edits: Edits, numbers: dict[int, int], rejected: list[Lesion]
) -> dict[str, Any]:
    lesions = [asdict(replace(edits.of(old), label=new)) for old, new in numbers.items()]
    return {
        "number": number,
        "made": made,
        "by": "person",
        "parent": parent,
        "tools": list(edits.tools),
        "version": __version__,
        "lesions": sorted(lesions, key=lambda one: one["label"]),
        "rejected": [lesion.row() for lesion in rejected],
    }


def _give_up(folder: Path) -> None:
    """Remove the empty folder that held the number."""
    try:
        folder.rmdir()
    except OSError:
        return  # another process has filled it, or the disk is gone: an empty folder is no revision
