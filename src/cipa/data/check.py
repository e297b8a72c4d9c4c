"""Checks a data set: every missing or unusable file, every mistake in the split, with counts."""

import os
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

from cipa.data.findings import CheckReport, Finding, Kind, SplitFacts
from cipa.data.inspection import Inspection, inspect_slice
from cipa.data.layout import SPLITS, images_on_disk, is_slice_id, list_path, patient_of, read_list
from cipa.data.metadata import patient_entries, read_document
from cipa.errors import DataError
from cipa.progress import Progress
from cipa.text import plural

PUBLISHED_SIZE = 512
"""Height and width of PCLT20K's images."""

SIZE_STEP = 128
"""The network takes squares whose side is a multiple of this."""


def check_dataset(
    root: str | os.PathLike[str],
    size: int | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> CheckReport:
    """Read every image of every listed slice and check the data set against what training and testing need.

    Args:
        root: folder with train.txt, test.txt and a folder a patient.
        size: height and width in pixels every image must have; by default the commonest the network takes.
        workers: threads that read; by default two a processor.
        progress: called with (slices read, slices in all) after each slice, in the calling thread.

    Returns:
        The report. What is wrong with the data is in it, not raised.

    Raises:
        DataError: `root` is no folder, holds neither list and so is no data set, or its metadata.json is no
            JSON.
    """
    root = Path(root)
    there = images_on_disk(root)
    if not any(list_path(root, split).exists() for split in SPLITS):
        raise DataError(f"{root}: neither train.txt nor test.txt; give the folder that holds them")
    lists, findings = _read_lists(root)
    slices = list(dict.fromkeys(slice_id for ids in lists.values() for slice_id in ids))
    findings += _overlaps(lists)
    findings += [
        Finding(Kind.UNLISTED_SLICE, slice_id, "has " + ", ".join(sorted(there[slice_id])))
        for slice_id in there.keys() - set(slices)
    ]
    inspections = _inspect(root, slices, there, workers, progress)
    size = size or _usual_size(inspections)
    for inspection in inspections:
        findings += inspection.findings
        findings += _wrong_sizes(inspection, size)
    areas = {inspection.slice_id: inspection.tumour_area for inspection in inspections}
    known = _patients_as_converted(root, areas)
    findings = [
        one for one in findings if one.kind is not Kind.EMPTY_MASK or one.where.split("/")[0] not in known
    ]
    return CheckReport(
        root=str(root),
        size=size,
        splits={split: _split_facts(ids, areas) for split, ids in lists.items()},
        findings=_in_order(findings),
    )


def _patients_as_converted(root: Path, areas: Mapping[str, int | None]) -> set[str]:
    """Return the patients of whom metadata.json says as many slices with tumour as there are.

    Their empty masks are healthy slices, which `cipa convert` writes on purpose.
    """
    with_tumour = Counter(patient_of(slice_id) for slice_id, area in areas.items() if area)
    entries = patient_entries(read_document(root))
    return {name for name, one in entries.items() if one.get("slices_with_tumour") == with_tumour[name]}


def _read_lists(root: Path) -> tuple[dict[str, list[str]], list[Finding]]:
    """Return the distinct well-formed ids of each list that can be read, and what is wrong with the lists."""
    lists: dict[str, list[str]] = {}
    findings: list[Finding] = []
    for split in SPLITS:
        path = list_path(root, split)
        try:
            lines = Counter(read_list(path))
        except (DataError, OSError) as error:
            findings.append(Finding(Kind.MISSING_LIST, path.name, str(error).removeprefix(f"{path}: ")))
            continue
        if not lines:
            findings.append(Finding(Kind.EMPTY_LIST, path.name))
        lists[split] = [line for line in lines if is_slice_id(line)]
        for line, count in lines.items():
            if not is_slice_id(line):
                findings.append(Finding(Kind.MALFORMED_ID, line, f"in {path.name}; ids look like 0001_023"))
            elif count > 1:
                findings.append(Finding(Kind.DUPLICATE_ID, line, f"{count} times in {path.name}"))
    return lists, findings


def _overlaps(lists: dict[str, list[str]]) -> list[Finding]:
    """Find what more than one list claims: slices, and patients even if by different slices."""
    train, test = (lists.get(split, []) for split in SPLITS)
    findings = [Finding(Kind.ID_IN_BOTH_LISTS, slice_id) for slice_id in set(train) & set(test)]
    slices_in = [Counter(map(patient_of, ids)) for ids in (train, test)]
    for patient in slices_in[0].keys() & slices_in[1].keys():
        detail = f"{plural(slices_in[0][patient], 'slice')} in train, {slices_in[1][patient]} in test"
        findings.append(Finding(Kind.PATIENT_IN_BOTH_LISTS, patient, detail))
    return findings


def _inspect(
    root: Path,
    slices: list[str],
    there: dict[str, set[str]],
    workers: int | None,
    progress: Progress | None,
) -> list[Inspection]:
    inspections: list[Inspection] = []
    with ThreadPoolExecutor(workers or 2 * (os.cpu_count() or 1)) as pool:
        futures = [pool.submit(inspect_slice, root, slice_id, there.get(slice_id, ())) for slice_id in slices]
        try:
            for future in futures:
                inspections.append(future.result())
                if progress:
                    progress(len(inspections), len(slices))
        except BaseException:  # an interruption must not wait for thousands of slices that have not begun
            pool.shutdown(cancel_futures=True)
            raise
    return inspections


def _usual_size(inspections: Iterable[Inspection]) -> int:
    sizes = Counter(size for inspection in inspections for size in inspection.sizes.values())
    usable = [
        (count, width)
        for (width, height), count in sizes.items()
        if width == height and width % SIZE_STEP == 0
    ]
    return max(usable)[1] if usable else PUBLISHED_SIZE


def _wrong_sizes(inspection: Inspection, size: int) -> list[Finding]:
    return [
        Finding(Kind.WRONG_SIZE, where, f"{width} x {height} pixels where {size} x {size} are expected")
        for where, (width, height) in inspection.sizes.items()
        if (width, height) != (size, size)
    ]


def _split_facts(ids: list[str], areas: dict[str, int | None]) -> SplitFacts:
    with_tumour = [area for slice_id in ids if (area := areas[slice_id])]
    return SplitFacts(
        patients=len({patient_of(slice_id) for slice_id in ids}),
        slices=len(ids),
        tumour_area=(min(with_tumour), median(with_tumour), max(with_tumour)) if with_tumour else None,
    )


def _in_order(findings: list[Finding]) -> tuple[Finding, ...]:
    rank = {kind: (not kind.is_error, place) for place, kind in enumerate(Kind)}
    return tuple(sorted(findings, key=lambda finding: (rank[finding.kind], finding.where)))
