"""One study from its files to a result in its folder: what the worker process does for each."""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cipa.errors import CipaError, DataError
from cipa.files import atomic_folder, is_disk_full
from cipa.inference.batch import Job, failure_of, read_location
from cipa.inference.dicom_objects import FILES
from cipa.inference.inputs import PetCtInput
from cipa.inference.result import Prediction
from cipa.inference.save import save_prediction
from cipa.inference.study import predict_study, settings_of
from cipa.io.dicom.slices import Slice
from cipa.io.dicom.tags import text
from cipa.io.studies import find_studies
from cipa.privacy import forget
from cipa.serve.spool import Spool, alias_of, make_folder
from cipa.serve.stable_uids import make_uids_stable
from cipa.serve.turn_result import TurnResult

MADE = "made.json"
"""In the folder of a result: what a node that died before it could note the result reads again."""


def segment_turn(
    job: Job, spool: Spool, study: str, images: Sequence[str], known: Sequence[str], changed: str
) -> TurnResult:
    """Segment a study, unless its CT and PET were segmented before.

    Args:
        job: the network and what is to be made.
        spool: where the study lies.
        study: name of its folder.
        images: names of the files that count; others arrived later.
        known: digests of what was segmented of it before.
        changed: `again` or `hold`, what is done with a study that was segmented before and has changed.

    Returns:
        What became of it; a study that cannot be used is held, with a line that does not name the patient.
    """
    began, alias = time.monotonic(), alias_of(study)
    folder = spool.work / alias
    shutil.rmtree(folder, ignore_errors=True)
    try:
        _link_images(spool, study, images, folder)
        locations = find_studies(folder)
        if len(locations) != 1:
            return TurnResult("held", reason=f"{len(locations)} studies among its files; send it again")
        try:
            pair = read_location(locations[0], job.study_options)
            ended = _segment(job, spool, study, pair, known, changed)
        except Exception as error:
            return TurnResult("held", reason=_without_path(failure_of(locations[0], error), folder, alias))
        return TurnResult(**{**vars(ended), "seconds": time.monotonic() - began})
    except FileNotFoundError:
        return TurnResult("stale")
    except OSError as error:
        if is_disk_full(error):
            return TurnResult("full")
        return TurnResult("held", reason=f"{error.strerror or type(error).__name__}; see to the spool")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        forget()


def _link_images(spool: Spool, study: str, images: Sequence[str], folder: Path) -> None:
    """Link files into a folder: what is replaced or deleted meanwhile stays as it was when the turn began."""
    make_folder(folder)
    for name in images:
        os.link(spool.images_of(study) / name, folder / name)


def _segment(
    job: Job, spool: Spool, study: str, pair: PetCtInput, known: Sequence[str], changed: str
) -> TurnResult:
    digest = digest_input(pair)
    final = spool.result_of(study, digest)
    if digest in known:
        return TurnResult("known", digest)
    if (final / MADE).exists():  # the node died before it could note it
        return TurnResult(**json.loads((final / MADE).read_text(encoding="utf-8")))
    if known and changed == "hold":
        raise DataError("CT or PET changed after it was segmented; study.changed: again segments it anew")
    prediction = predict_study(job.predictor, pair, job.volume_options, job.progress)
    make_folder(final.parent)
    with atomic_folder(final) as partial:
        save_prediction(prediction, partial / "files", job.also, objects=job.objects)
        objects = sorted(partial.glob("files/**/*.dcm"), key=_order)
        if not objects:
            raise CipaError(f"no DICOM object could be made: {'; '.join(prediction.warnings)}")
        make_uids_stable(objects, (one.header for one in _slices(pair)), _seed(job, pair, digest))
        names = [path.relative_to(partial).as_posix() for path in objects]
        ended = TurnResult("made", digest, names, "", _scrub(prediction), lesions=prediction.lesion_count)
        (partial / MADE).write_text(json.dumps(vars(ended)), encoding="utf-8")
    return ended


def _order(path: Path) -> tuple[bool, str]:
    """Put the SEG first, for others refer to it."""
    return path.name != FILES["seg"], path.as_posix()


def digest_input(pair: PetCtInput) -> str:
    """Return what tells one input of the network from another: voxels in HU and SUV, where they lie, UIDs.

    Compression and transfer syntax make no difference, nor do a patient's name or comments that an archive
    corrected: the result would be the same.
    """
    total = hashlib.sha256()
    for volume in (pair.ct, pair.pet):
        total.update(repr((volume.array.shape, str(volume.array.dtype))).encode())
        total.update(np.ascontiguousarray(volume.affine).tobytes())
        total.update(np.ascontiguousarray(volume.array.T).tobytes())
    for uid in sorted(text(one.header, "SOPInstanceUID") for one in _slices(pair)):
        total.update(uid.encode())
    return total.hexdigest()[:32]


def _slices(pair: PetCtInput) -> tuple[Slice, ...]:
    assert pair.source is not None  # what a node receives is DICOM
    return (*pair.source.ct_slices, *pair.source.pet_series.slices)


def _seed(job: Job, pair: PetCtInput, digest: str) -> str:
    """Return what the UIDs of a result follow from: study, input, network, settings and kinds of objects."""
    settings: dict[str, Any] = settings_of(job.predictor, job.volume_options)
    uid = text(_slices(pair)[0].header, "StudyInstanceUID")
    return json.dumps([uid, digest, settings, list(job.objects)], sort_keys=True)


def _scrub(prediction: Prediction) -> list[str]:
    """Return warnings; they name no patient, for headers are scrubbed where they are read."""
    return list(prediction.warnings)


def _without_path(line: str, folder: Path, alias: str) -> str:
    return line.replace(f"{folder}: ", "").replace(str(folder), alias)
