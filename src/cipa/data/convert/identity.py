"""Patients whose files are named after them get an alias before anything is written."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import reduce
from operator import or_
from pathlib import Path

from cipa.data.convert.outcome import Problem
from cipa.data.convert.sources import Sources, patient_id, sort_unique
from cipa.errors import CipaError, DataError
from cipa.io.dicom.identity import NO_SECRETS, Secrets
from cipa.io.studies import find_studies


def hide_identities(sources: Sources, keep_names: bool = False) -> Sources:
    """Learn from DICOM headers what must not show, and rename the patients whose names hold any of it.

    Of NIfTI nothing is known: its names are taken for pseudonyms.

    Args:
        sources: as found.
        keep_names: keep names even if they hold the patient's; files and warnings stay without.

    Returns:
        The sources with aliases for names, the secrets of each patient, and `aliases` by the old name.
    """
    triples, problems, aliases = [], [], {}
    for triple in sources.triples:
        secrets, alias = _identity_of((triple.ct, triple.pet))
        if not keep_names and alias and secrets.occur_in(triple.name):
            aliases[triple.name] = alias
            triple = replace(triple, name=alias, patient=patient_id(alias))
        triples.append(replace(triple, secrets=secrets))
    for problem in sources.problems:
        secrets, alias = _identity_of(problem.files)
        if not keep_names and alias and secrets.occur_in(problem.name):
            aliases[problem.name] = alias
        name = aliases.get(problem.name, problem.name)
        problems.append(Problem(name, secrets.scrub(problem.detail), problem.files))
    unique, clashes = sort_unique(triples)
    return Sources(tuple(unique), (*problems, *clashes), aliases)


@contextmanager
def scrub_errors(secrets: Secrets) -> Iterator[None]:
    """Raise what goes wrong without the patient's identity.

    Raises:
        DataError: a file may not be read; and whatever is raised inside.
    """
    try:
        yield
    except CipaError as error:
        raise type(error)(secrets.scrub(str(error))) from error
    except PermissionError as error:
        file = secrets.scrub(str(error.filename))
        raise DataError(f"no permission for {file}; change its owner or its mode") from error


def _identity_of(paths: Iterable[Path]) -> tuple[Secrets, str]:
    """Return the secrets of DICOM folders and zips, and an alias of their study, empty of other files."""
    there = dict.fromkeys(path for path in paths if path.is_dir() or path.suffix.lower() == ".zip")
    locations = [location for path in there for location in find_studies(path) if location.is_dicom]
    secrets = reduce(or_, (location.secrets for location in locations), NO_SECRETS)
    return secrets, next((location.fingerprint for location in locations if location.fingerprint), "")
