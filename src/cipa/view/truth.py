"""Corrected results as truth to learn from: the newest revision of each, with its CT and PET."""

from pathlib import Path
from typing import Any

from cipa.data.convert import Problem, Sources, Triple, gather_sources, patient_id
from cipa.errors import CipaError, DataError
from cipa.inference.revisions import Revision, list_revisions
from cipa.inference.save import MASK
from cipa.text import plural, printable
from cipa.view.catalogue import Catalogue, ResultPlace, read_whole
from cipa.view.studies import GIVEN, StudyFinder


def find_corrected(results: Path, studies: Path | None = None) -> tuple[Sources, tuple[str, ...]]:
    """Find the corrected results below a folder, for `cipa.data.convert.convert_volumes`.

    Args:
        results: a result, or a folder of results.
        studies: where their studies lie: one, or a folder of them; None for where they were last read.

    Returns:
        A patient a corrected result, named as its study; and the names of results without a revision, which
        nobody has corrected.

    Raises:
        DataError: there is no corrected result, or no study in `studies`.
    """
    places = Catalogue(results).places() if results.is_dir() else []
    finder = StudyFinder(studies)
    triples, problems, untouched = [], [], []
    for place in places:
        try:
            triple = _triple(place, finder)
        except CipaError as error:
            problems.append(Problem(printable(place.name), str(error)))
            continue
        if triple is None:
            untouched.append(printable(place.name))
        else:
            triples.append(triple)
    if not triples and not problems:
        raise DataError(
            f"{results}: no corrected result; correct and save with cipa view, or use --mask patterns"
        )
    return gather_sources(triples, problems), tuple(untouched)


def _triple(place: ResultPlace, finder: StudyFinder) -> Triple | None:
    """Return the patient of a result, None where nobody has corrected it."""
    facts = read_whole(place.folder)["facts"]
    revisions = list_revisions(place.folder)
    if not revisions:
        return None
    study = finder.find(str(facts.get("source", "")))
    if study is None:
        raise DataError("where its CT and PET lie is not known; say with --studies FOLDER")
    if study.alone:
        raise DataError("made of one of CT and PET; a data set needs both")
    name = str(facts.get("study") or place.name)
    given = facts.get("given") or {}
    return Triple(
        patient=patient_id(name),
        name=name,
        ct=study.ct,
        pet=study.pet or study.ct,
        mask=revisions[-1].folder / MASK,
        folders=study.folders,
        given={key: given[key] for key in GIVEN if key in given},
        fingerprint=study.fingerprint,
        warnings=_unreviewed(name, revisions[-1]),
    )


def _unreviewed(name: str, revision: Revision) -> tuple[str, ...]:
    said: list[dict[str, Any]] = list(revision.record.get("lesions", []))
    left = [one["label"] for one in said if one.get("state") == "unreviewed"]
    if not left:
        return ()
    return (f"{name}: {plural(len(left), 'lesion')} of {len(said)} not accepted by anybody, taken as tumour",)
