"""Masks that another tool made of a data set in PCLT20K layout: PNG by slice, or NIfTI by patient."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cipa.data.convert.metadata import PatientRecord, read_metadata
from cipa.data.layout import FOREGROUND, file_name, patient_of, slice_number
from cipa.data.pclt20k import binarise_mask
from cipa.errors import DataError
from cipa.evaluation.cases import require_masks
from cipa.evaluation.mask_files import find_masks
from cipa.evaluation.mask_store import MaskStore
from cipa.evaluation.read_mask import READ_MASK, MaskReading, Target, read_mask
from cipa.evaluation.volume_dice import by_patient
from cipa.io.grid_record import volume_on
from cipa.io.orientation import axial_stack
from cipa.io.png import read_grey


class SliceMasks:
    """Reads masks from files; a `cipa.evaluation.scoring.Segmenter`.

    Attributes:
        warnings: what a reader must know of the files read so far, one line each.
    """

    def __init__(
        self,
        source: Path,
        root: Path,
        ids: Sequence[str],
        reading: MaskReading = READ_MASK,
    ) -> None:
        """Look for the files, and open none.

        Args:
            source: folder with `<patient>/<slice>.png`, `<patient>/<slice>_mask.png` or these without
                folders, 255 being tumour, as `cipa evaluate` and `cipa predict` write them; or a folder or
                table of NIfTI masks (`find_masks`) on the grids of the CTs that the data set was made of.
            root: the data set, whose metadata.json knows these grids.
            ids: the slices to be scored.
            reading: how NIfTI masks are read.

        Raises:
            DataError: a slice or a patient has no mask, or nothing says on which grid NIfTI masks lie.
        """
        self.reading = reading
        self.warnings: list[str] = []
        self._ids = by_patient(ids)
        self._cut = MaskStore()
        self._slices = {slice_id: path for slice_id in ids if (path := _png_of(source, slice_id))}
        self._volumes = {} if self._slices else find_masks(source)
        if self._slices:
            require_masks(source, [one for one in ids if one not in self._slices])
        else:
            require_masks(source, [name for name in self._ids if name not in self._volumes])
            self._records = _records_of(root, list(self._ids))

    def __call__(self, ids: Sequence[str], ct: np.ndarray, pet: np.ndarray) -> np.ndarray:
        """Return bool (S, H, W), of the size of `ct`.

        Raises:
            DataError: a file cannot be read, or is of another size or grid.
        """
        size = (ct.shape[-2], ct.shape[-1])
        return np.stack([self._mask(slice_id, size) for slice_id in ids])

    def _mask(self, slice_id: str, size: tuple[int, int]) -> npt.NDArray[np.bool_]:
        if self._slices:
            mask, source = _read_png(self._slices[slice_id]), self._slices[slice_id]
        else:
            patient = patient_of(slice_id)
            source = self._volumes[patient]
            if slice_id not in self._cut:
                self._cut_patient(source, self._records[patient])
            mask = self._cut.get(slice_id)
        if mask.shape != size:
            one, other = (" x ".join(map(str, shape[::-1])) for shape in (mask.shape, size))
            raise DataError(
                f"{source}: {one} pixels, but slice {slice_id} has {other}; give masks of the data set's size"
            )
        return mask

    def _cut_patient(self, path: Path, record: PatientRecord) -> None:
        """Cut a patient's volume into the slices that are scored, resized as `cipa convert` did the truth."""
        ct = volume_on(record.grid, np.broadcast_to(np.uint8(0), record.grid["shape"]))
        mask, lines = read_mask(path, Target(ct), self.reading)
        self.warnings += lines
        stack = axial_stack(mask, ct.affine)[0]
        for slice_id in self._ids[record.patient]:
            number = slice_number(slice_id)
            if number >= len(stack) or stack.shape[1:] != record.plane.source:
                raise DataError(f"{path}: no slice {slice_id}; convert the volumes of the data set again")
            grey = record.plane.to_network(stack[number][None] * np.uint8(255))[0]
            self._cut.add(slice_id, grey >= FOREGROUND)


def _png_of(source: Path, slice_id: str) -> Path | None:
    folders = (source / "masks", source)
    names = (f"{slice_id}.png", file_name(slice_id, "mask"))
    tried = (
        folder / inner / name for folder in folders for inner in (patient_of(slice_id), "") for name in names
    )
    return next((path for path in tried if path.is_file()), None)


def _read_png(path: Path) -> npt.NDArray[np.bool_]:
    return binarise_mask(read_grey(path), path).astype(bool)


def _records_of(root: Path, patients: Sequence[str]) -> dict[str, PatientRecord]:
    records = read_metadata(root)
    unknown = [name for name in patients if name not in records]
    if unknown:
        raise DataError(
            f"{root}/metadata.json: no patient {unknown[0]}; give masks as PNG, or convert the volumes again"
        )
    return records
