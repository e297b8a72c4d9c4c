"""Everything one evaluation leaves behind: masks, tables and panels in one folder."""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from cipa.data.layout import patient_of
from cipa.evaluation.mask_store import MaskStore
from cipa.evaluation.patient import PatientProtocol
from cipa.evaluation.patient_tables import SUMMARY_KEY, patient_summary, write_patient_table
from cipa.evaluation.published import PublishedProtocol, PublishedResult
from cipa.evaluation.scoring import Segmenter, Slices, score_slices
from cipa.evaluation.tables import write_tables
from cipa.files import atomic_folder
from cipa.inference.slices import SlicePredictor
from cipa.report.extremes import save_extremes


def evaluate(
    predictor: SlicePredictor,
    dataset: Slices,
    out: str | os.PathLike[str],
    *,
    masks: bool = True,
    panels: int = 4,
    patients: PatientProtocol | None = None,
    about: Mapping[str, Any] | None = None,
    advance: Callable[[], None] | None = None,
) -> PublishedResult:
    """Segment and score a data set with the published protocol and write it all to a folder.

    OUT/masks/<patient>/<slice>.png (uint8, 255 is tumour), OUT/per_slice.csv, OUT/per_patient.csv,
    OUT/summary.json and OUT/panels/worst.png, median.png, best.png; with `patients` OUT/per_patient_3d.csv
    and a part of the summary. The folder appears when all is done; one that stood there is replaced then.

    Args:
        predictor: the network on its device, with its threshold.
        dataset: slices with masks, of the network's image size.
        out: the folder.
        masks: whether to write the predicted masks.
        panels: slices a panel at most; 0 for no panels.
        patients: scores whole patients as well, in 3-D; its result can be asked for afterwards.
        about: what summary.json shall say besides scores, network and threshold; plain values.
        advance: called as each slice is done, from a thread.

    Returns:
        The scores.

    Raises:
        DataError: a slice cannot be read or segmented, or the slices of a patient make no volume; nothing is
            written.
        OSError: the folder cannot be written; what stood there stands there still.
    """
    return write_evaluation(
        dataset,
        partial(segment_slices, predictor),
        out,
        batch_size=predictor.batch_size,
        masks=masks,
        panels=panels,
        patients=patients,
        about={**_network(predictor), **(about or {})},
        advance=advance,
    )


def segment_slices(
    predictor: SlicePredictor, ids: Sequence[str], ct: np.ndarray, pet: np.ndarray
) -> np.ndarray:
    """Return a network's masks, uint8 (S, H, W): a `Segmenter` once the predictor is bound."""
    return predictor.mask(predictor.predict_slices(ct, pet))


def write_evaluation(
    dataset: Slices,
    segment: Segmenter,
    out: str | os.PathLike[str],
    *,
    batch_size: int = 4,
    masks: bool = True,
    panels: int = 4,
    patients: PatientProtocol | None = None,
    about: Mapping[str, Any] | None = None,
    advance: Callable[[], None] | None = None,
) -> PublishedResult:
    """Do what `evaluate` does with anything that makes masks.

    Args:
        dataset: slices with masks.
        segment: what makes the masks.
        out: the folder.
        batch_size: slices given to `segment` at a time.
        masks: as `evaluate` takes it, like the four below.
        panels: slices a panel at most.
        patients: scores whole patients as well.
        about: what summary.json shall say besides scores.
        advance: called as each slice is done.

    Returns:
        The scores.

    Raises:
        DataError: as `evaluate`.
        OSError: as `evaluate`.
    """
    return write_parts(
        [(dataset, segment)],
        out,
        dataset,
        batch_size=batch_size,
        masks=masks,
        panels=panels,
        patients=patients,
        about=about,
        advance=advance,
    )


def write_parts(
    parts: Iterable[tuple[Slices, Segmenter]],
    out: str | os.PathLike[str],
    shown: Slices,
    *,
    batch_size: int = 4,
    masks: bool = True,
    panels: int = 4,
    patients: PatientProtocol | None = None,
    about: Mapping[str, Any] | None = None,
    advance: Callable[[], None] | None = None,
) -> PublishedResult:
    """Do what `write_evaluation` does with slices that are segmented by several networks, each some of them.

    Args:
        parts: slices with masks, and what segments them; made as they are needed, one in memory at a time.
        out: the folder.
        shown: all slices, as panels show them.
        batch_size: as `write_evaluation` takes it, like those below.
        masks: whether to write the predicted masks.
        panels: slices a panel at most.
        patients: scores whole patients as well.
        about: what summary.json shall say besides scores.
        advance: called as each slice is done.

    Returns:
        The scores of all parts together.
    """
    store, protocol = MaskStore(), PublishedProtocol()
    with atomic_folder(out) as folder:

        def on_slice(slice_id: str, mask: np.ndarray) -> None:
            """Keep one slice's mask for the panels, and write it where masks are asked for."""
            if panels:
                store.add(slice_id, mask)
            if masks:
                _write_mask(folder / "masks" / patient_of(slice_id) / f"{slice_id}.png", mask)
            if advance is not None:
                advance()

        for dataset, segment in parts:
            score_slices(
                dataset,
                segment,
                batch_size=batch_size,
                on_slice=on_slice,
                patients=patients,
                protocol=protocol,
            )
        result = protocol.result()
        if patients is not None:
            write_patient_table(folder, patients.result())
            about = {**(about or {}), SUMMARY_KEY: patient_summary(patients.result())}
        write_tables(folder, result, about)
        if panels:
            save_extremes(folder / "panels", result.slices, shown, store, panels)
    return result


def is_evaluation(folder: Path) -> bool:
    """Say whether a folder is one that `evaluate` wrote, so that it may be replaced by another."""
    return (folder / "summary.json").is_file() and (folder / "per_slice.csv").is_file()


def _write_mask(path: Path, mask: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(mask * np.uint8(255)).save(path)  # the folder appears whole, so a file in it need not


def _network(predictor: SlicePredictor) -> dict[str, Any]:
    return vars(predictor.config) | {
        "threshold": predictor.threshold,
        "precision": predictor.precision,
        "device": str(predictor.device),
    }
