"""Which files belong together: CT, PET and mask of each patient, by their names or from a table."""

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from cipa.data.convert.outcome import Problem
from cipa.errors import DataError, UsageError
from cipa.io.dicom.identity import NO_SECRETS, Secrets
from cipa.readers import read_csv

KINDS = ("ct", "pet", "mask")

NIFTI = (".nii", ".nii.gz", ".nii.bz2", ".hdr", ".hdr.gz", ".img", ".img.gz")


@dataclass(frozen=True)
class Triple:
    """The three volumes of one patient.

    Attributes:
        patient: id in the new data set, without an underscore.
        name: what the source calls the patient.
        ct: NIfTI file, HU; or folder or zip of a DICOM study or of its CT.
        pet: NIfTI file, body-weight SUV; or folder or zip as the CT's, or of the PET alone.
        mask: NIfTI file, DICOM SEG or RTSTRUCT, tumour.
        folders: DICOM: the folders that hold the study's files, where `ct` holds other studies' too.
        given: DICOM: what a user said of the study, as `cipa.io.dicom.volumes.read_pet_ct` takes it.
        fingerprint: stands in metadata.json for CT and PET, whose folders may name the patient; empty for
            their files.
        warnings: what was known beforehand, one line each.
        secrets: what must not show of its files, once `cipa.data.convert.identity` has looked.
    """

    patient: str
    name: str
    ct: Path
    pet: Path
    mask: Path
    folders: tuple[Path, ...] | None = None
    given: Mapping[str, Any] = field(default_factory=dict)
    fingerprint: str = ""
    warnings: tuple[str, ...] = ()
    secrets: Secrets = NO_SECRETS

    @property
    def is_dicom(self) -> bool:
        """Whether CT and PET are DICOM."""
        return not self.ct.name.lower().endswith(NIFTI)


@dataclass(frozen=True)
class Sources:
    """What was found.

    Attributes:
        triples: whole ones, ordered by patient.
        problems: patients that lack a file, have several, or cannot have an id of their own.
        aliases: by the name that a source has and that must not show.
    """

    triples: tuple[Triple, ...]
    problems: tuple[Problem, ...]
    aliases: Mapping[str, str] = field(default_factory=dict)

    @property
    def ids(self) -> dict[str, str]:
        """Ids by name, of those with problems too: a patient that drops out must not move another's split."""
        names = [triple.name for triple in self.triples] + [problem.name for problem in self.problems]
        return {name: _usable(name) for name in names if _usable(name)}


def patient_id(name: str) -> str:
    """Return a patient's id in PCLT20K's layout: "STS001" of "STS_001".

    The layout's ids end at the first underscore, so underscores go, and with them white space and what file
    systems dislike; letters, digits, dots and dashes stay.

    Raises:
        DataError: nothing is left.
    """
    kept = _usable(name)
    if not kept:
        raise DataError(f"patient '{name}': no letter or digit to make an id of; rename it")
    return kept


def _usable(name: str) -> str:
    return re.sub(r"[^\w.-]|_", "", name).lstrip(".")


def find_triples(root: str | os.PathLike[str], ct: str, pet: str, mask: str) -> Sources:
    """Find the volumes of every patient below a folder.

    Args:
        root: folder that the patterns start from.
        ct: pattern such as "*/CT.nii.gz" or "*_ct.nii.gz"; `*` stands for any text within one name, `?` for a
            character. The patient is the first folder with a wildcard, or what the first `*` of a file's name
            stands for.
        pet: pattern of the PET.
        mask: pattern of the mask.

    Returns:
        Triples, and patients for which not exactly one file of each kind is there.

    Raises:
        DataError: `root` is no folder, or a pattern finds nothing.
        UsageError: a pattern is absolute or holds no `*`, or holds `**`.
    """
    root = Path(root)
    if not root.is_dir():
        raise DataError(f"{root}: no such folder; give the one that --ct, --pet and --mask start from")
    found: defaultdict[str, dict[str, list[Path]]] = defaultdict(lambda: {kind: [] for kind in KINDS})
    for kind, pattern in zip(KINDS, (ct, pet, mask), strict=True):
        files = list(_matches(root, pattern, kind))
        if not files:
            raise DataError(f"{root}: no file matches --{kind} '{pattern}'; quote it, and see what is there")
        for name, path in files:
            found[name][kind].append(path)
    return _pair(found)


def read_table(path: str | os.PathLike[str]) -> Sources:
    """Read the volumes of every patient from a CSV file with columns patient, ct, pet and mask.

    Args:
        path: the file, UTF-8. Other columns are ignored; relative paths start from the file's folder.

    Returns:
        Triples, and patients that stand in several rows or lack a path.

    Raises:
        DataError: the file is missing, not text, empty, or lacks a column.
    """
    path = Path(path)
    rows = read_csv(path, ("patient", *KINDS), "give a CSV with columns patient,ct,pet,mask", fill=True)
    if not rows:
        raise DataError(f"{path}: no rows; write a line patient,ct,pet,mask and one a patient")
    found: defaultdict[str, dict[str, list[Path]]] = defaultdict(lambda: {kind: [] for kind in KINDS})
    for _, row in rows:
        for kind in KINDS:
            if row[kind]:
                found[row["patient"].strip()][kind].append(path.parent / row[kind].strip())
    return _pair(found)


def _matches(root: Path, pattern: str, kind: str) -> Iterable[tuple[str, Path]]:
    """Give each file a pattern finds, with the patient's name."""
    parts = PurePosixPath(pattern).parts
    if "**" in pattern or "*" not in pattern or PurePosixPath(pattern).is_absolute():
        raise UsageError(
            f"--{kind} '{pattern}': give a pattern below ROOT with a * for the patient, as '*/CT.nii.gz'"
        )
    place = next(index for index, part in enumerate(parts) if "*" in part)
    name_of = _file_name_pattern(parts[place]) if place == len(parts) - 1 else re.compile("(.+)")
    for path in sorted(root.glob(pattern.replace("[", "[[]"))):
        match = name_of.fullmatch(path.relative_to(root).parts[place])
        if match and (path.is_file() or (kind != "mask" and path.is_dir())):
            yield match[1], path


def _file_name_pattern(part: str) -> re.Pattern[str]:
    """Translate the last part of a pattern; its first group is what the first `*` stands for."""
    wildcards = {"*": ".*", "?": "."}
    before, _, after = part.partition("*")
    texts = ["".join(wildcards.get(letter, re.escape(letter)) for letter in text) for text in (before, after)]
    return re.compile(f"{texts[0]}(.+?){texts[1]}", re.DOTALL)


def _pair(found: Mapping[str, Mapping[str, list[Path]]]) -> Sources:
    triples: list[Triple] = []
    problems: list[Problem] = []
    for name, files in found.items():
        try:
            triples.append(_triple(name, files))
        except DataError as error:
            there = tuple(path for paths in files.values() for path in paths)
            problems.append(Problem(name, str(error), there))
    return gather_sources(triples, problems)


def gather_sources(triples: Iterable[Triple], problems: Iterable[Problem]) -> Sources:
    """Return patients found in some other way, without those whose ids are the same."""
    unique, clashes = sort_unique(triples)
    return Sources(tuple(unique), (*problems, *clashes))


def _triple(name: str, files: Mapping[str, list[Path]]) -> Triple:
    for kind, paths in files.items():
        if not paths:
            raise DataError(f"no {kind} file; add it, or leave the patient out with --skip-bad")
        if len(paths) > 1:
            several = " and ".join(path.name for path in paths)
            raise DataError(
                f"{len(paths)} {kind} files ({several}); narrow the pattern or list them in a table"
            )
    ct, pet, mask = (files[kind][0] for kind in KINDS)
    return Triple(patient_id(name), name, ct, pet, mask)


def sort_unique(triples: Iterable[Triple]) -> tuple[list[Triple], list[Problem]]:
    """Sort patients by id; leave out those whose ids are one folder on a disk that does not tell a from A."""
    groups: defaultdict[str, list[Triple]] = defaultdict(list)
    for triple in triples:
        groups[triple.patient.casefold()].append(triple)
    unique = sorted((group[0] for group in groups.values() if len(group) == 1), key=lambda each: each.patient)
    clashes = [
        Problem(
            triple.name,
            f"its id {triple.patient} is that of {len(group) - 1} other too; rename one",
            (triple.ct, triple.pet),
        )
        for group in groups.values()
        if len(group) > 1
        for triple in group
    ]
    return unique, clashes
