"""All slices of many patients on one device: what batches are sampled from."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


@dataclass(frozen=True)
class Volumes:
    """Patients' slices one after another, each in the middle of a square canvas.

    Attributes:
        names: of the patients.
        ct, pet, mask: (N, C, C) uint8, see `codes`; 0 around a patient's own pixels.
        patient: (N,) whose slice it is, a place in `names`.
        first, last: (N,) the first and last slice of that patient.
        extent: (patients, 2) rows and columns of its own pixels, mm.
        tumour: (patients, 4) box of all its tumour, mm from the canvas's middle: top, bottom, left, right.
        shows: (N,) bool, whether a slice shows tumour.
        pixel: side of a pixel, mm.
        thickness: between slices of each patient, mm.
    """

    names: list[str]
    ct: Tensor
    pet: Tensor
    mask: Tensor
    patient: Tensor
    first: Tensor
    last: Tensor
    extent: Tensor
    tumour: Tensor
    shows: Tensor
    pixel: float
    thickness: tuple[float, ...]

    def slices_of(self, place: int) -> range:
        """Return the slices of a patient."""
        own = torch.nonzero(self.patient == place)[:, 0]
        return range(int(own[0]), int(own[-1]) + 1)


def load_volumes(patients: Iterable[tuple[str, dict[str, NDArray]]], device: torch.device) -> Volumes:
    """Put patients of one pixel size on a device.

    Args:
        patients: name and arrays of each, as `prepare.read_files` yields them.
        device: where to.

    Raises:
        SystemExit: there is no patient, or their pixels differ in size.
    """
    named = list(patients)
    if len(pixels := {round(float(arrays["spacing"][1]), 4) for _, arrays in named}) != 1:
        raise SystemExit(f"patients of {len(pixels)} pixel sizes, not of one: {sorted(pixels)}; prepare anew")
    side = max(max(arrays["ct"].shape[1:]) for _, arrays in named)
    side += -side % 8
    pixel = float(named[0][1]["spacing"][1])
    ct, pet, mask = (
        torch.from_numpy(np.concatenate([_on_canvas(arrays[kind], side) for _, arrays in named])).to(device)
        for kind in ("ct", "pet", "mask")
    )
    lengths = [len(arrays["ct"]) for _, arrays in named]
    ends = np.cumsum(lengths)
    patient = np.repeat(np.arange(len(named)), lengths)
    extent = np.array([arrays["ct"].shape[1:] for _, arrays in named]) * pixel
    boxes = np.array([_tumour_box(_on_canvas(arrays["mask"], side), pixel) for _, arrays in named])
    return Volumes(
        names=[name for name, _ in named],
        ct=ct,
        pet=pet,
        mask=mask,
        patient=torch.from_numpy(patient).to(device),
        first=torch.from_numpy((ends - lengths)[patient]).to(device),
        last=torch.from_numpy(ends[patient] - 1).to(device),
        extent=torch.from_numpy(extent).float().to(device),
        tumour=torch.from_numpy(boxes).float().to(device),
        shows=mask.flatten(1).amax(1) > 0,
        pixel=pixel,
        thickness=tuple(float(arrays["spacing"][0]) for _, arrays in named),
    )


def _on_canvas(stack: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    _, rows, columns = stack.shape
    top, left = (side - rows) // 2, (side - columns) // 2
    if (rows, columns) == (side, side):
        return stack
    return np.pad(stack, ((0, 0), (top, side - rows - top), (left, side - columns - left)))


def _tumour_box(mask: NDArray[np.uint8], pixel: float) -> list[float]:
    rows, columns = np.flatnonzero(mask.any((0, 2))), np.flatnonzero(mask.any((0, 1)))
    if not len(rows):
        return [-60.0, 60.0, -60.0, 60.0]
    middle = mask.shape[1] / 2
    return [(end - middle) * pixel for end in (rows[0], rows[-1] + 1, columns[0], columns[-1] + 1)]
