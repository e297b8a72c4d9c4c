"""Deletion of what is old: images and results of studies that are done and delivered, never their records.

The record of a study stays (a kilobyte), so that one which is sent again years later is not segmented twice.
"""

import shutil

from cipa.serve.log import say
from cipa.serve.queue import Queue
from cipa.serve.settings import Keep
from cipa.serve.spool import alias_of

DAY_S = 86400.0


def purge(queue: Queue, keep: Keep, now: float) -> list[str]:
    """Delete the files of studies that ended long enough ago.

    Args:
        queue: of which each study that is done and was accepted everywhere is looked at.
        keep: for how long.
        now: seconds since 1970.

    Returns:
        The studies whose files were deleted.
    """
    found = []
    with queue.lock:
        for study, entry in queue.studies.items():
            record = entry.record
            is_over = record.state == "done" and record.is_delivered and not entry.writing
            has_files = bool(entry.images) or any(not one.deleted for one in record.results.values())
            if not is_over or not has_files or now - record.ended_at < keep.done_days * DAY_S:
                continue
            # Each folder goes at once: after a crash a study has all of its images or none.
            gone = [queue.spool.move_away(study, name) for name in ("images", "results")]
            queue.bytes -= sum(entry.images.values())
            entry.images = {}
            for result in record.results.values():
                result.deleted = True
            queue.spool.write_record(study, record)
            for folder in gone:
                shutil.rmtree(folder, ignore_errors=True)
            found.append(study)
        for study in found:
            del queue.studies[study]
    for study in found:
        say("study deleted", study=alias_of(study), reason="keep.done_days have passed")
    return found
