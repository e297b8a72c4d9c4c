"""What a prediction is: mask and probability on the CT's grid, measured lesions, and where it came from."""

import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from cipa.errors import UsageError
from cipa.inference.dicom_objects import DEFAULT_OBJECTS
from cipa.inference.probability import from_bytes
from cipa.inference.save import DISCLAIMER, Writer, save_prediction
from cipa.io.aligned import SliceSampler
from cipa.io.dicom.objects.lesion import Algorithm
from cipa.io.dicom.volumes import PetCt
from cipa.io.orientation import axial_stack
from cipa.io.volume import Volume
from cipa.lesions.extent import largest_distance_mm
from cipa.lesions.grown import THRESHOLDS, GrownVolume, add_grown, grown_row
from cipa.lesions.labelling import lesion_boxes
from cipa.lesions.measure import Lesion
from cipa.lesions.plausibility import LeftOut
from cipa.modalities import BOTH

BY_HAND = {"brush", "eraser"}
"""Tools of the workbench that look at no image: what they alone drew is manual, as DICOM calls it."""


@dataclass(frozen=True, eq=False, repr=False)
class Prediction:
    """One study, segmented and measured.

    All arrays lie on the CT's grid: shape, axes and memory order of `ct.array`, so that `ct.affine` places
    them. `axial` shows any of them as a radiologist sees it.

    Attributes:
        mask: uint8, 1 in the lesions: where the probability reaches the threshold and nothing was left out.
        probability_255: uint8, probability of tumour, 255 is 1; None of a mask that no network drew here.
        labels: the `number` of the lesion a voxel is in, 0 for none: uint16 (int32 beyond 65535 lesions), or
            uint8 of a mask that was numbered elsewhere.
        ct: HU.
        pet: body-weight SUV, on its own grid.
        lesions: largest first.
        left_out: what the network marked and is no lesion of the result, with the reasons.
        facts: how it was acquired and computed, in JSON types: `study` (what to call it), `source` (its
            fingerprint), `ct` and `pet` (vendor, scanner, spacing_mm, shape), `suv` (factor, how), `patient`
            (pseudonym, and the ID if the user wants it shown), `examination` (date, tracer, dose and more),
            `sul` (factor, how), `reference` (liver, blood pool), `given` (what the user said), `model` (name,
            variant and more), `version`, `threshold`, `options`, `device`, `seconds`; `revision` (number,
            tools, names of lesions) of a mask that a person corrected. Never the patient's name.
        warnings: what needs a second look, one line each.
        source: the DICOM pair it was made from, which DICOM SEG refers to; None for other input.
        inputs: what was given, `ct+pet`, `ct` or `pet`. A CT that was not given is black on the PET's grid; a
            PET that was not given is zero on the CT's, and no SUV is measured.
    """

    mask: npt.NDArray[np.uint8]
    probability_255: npt.NDArray[np.uint8] | None
    labels: npt.NDArray[np.generic]
    ct: Volume
    pet: Volume
    lesions: list[Lesion]
    left_out: tuple[LeftOut, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    source: PetCt | None = None
    inputs: str = BOTH

    def __repr__(self) -> str:
        """Say what it is in a line; voxels and headers stay out of logs."""
        size = " x ".join(map(str, self.mask.shape))
        lesions = "1 lesion" if self.lesion_count == 1 else f"{self.lesion_count} lesions"
        name = self.facts.get("study", "")
        return f"Prediction({name!r}, {size} voxels, {lesions}, MTV {self.mtv_ml:.2f} mL)"

    @property
    def probability(self) -> npt.NDArray[np.float32]:
        """Probability of tumour, 0 to 1, from the bytes it is kept as: exact to 1/255, four bytes a voxel.

        Raises:
            UsageError: the mask was given, so that there is none.
        """
        if self.probability_255 is None:
            raise UsageError("no probability: this mask was given and measured, not predicted")
        return from_bytes(self.probability_255)

    @property
    def algorithm(self) -> Algorithm:
        """What drew the mask, as DICOM objects name it; of a given mask nothing more is known."""
        version = str(self.facts.get("version", ""))
        if "revision" in self.facts:
            return self._algorithm_of_correction(version)
        if "model" not in self.facts:
            return Algorithm("mask given to cipa measure", version, "SEMIAUTOMATIC")
        return Algorithm(self.facts["model"]["name"], version)

    def _algorithm_of_correction(self, version: str) -> Algorithm:
        drawn = "model" not in self.facts and set(self.facts["revision"]["tools"]) <= BY_HAND
        first = self.facts["model"]["name"] if "model" in self.facts else "mask"
        name = "drawn in cipa view" if drawn else f"{first}, corrected in cipa view"
        return Algorithm(name, version, "MANUAL" if drawn else "SEMIAUTOMATIC")

    @cached_property
    def pet_on_ct(self) -> npt.NDArray[np.float32]:
        """SUV interpolated linearly at the CT's voxels, 0 where PET has none; four bytes a voxel, kept."""
        suv = np.empty_like(self.ct.array, dtype=np.float32)
        stack = self.axial(suv)
        for number in range(len(stack)):
            stack[number] = self.axial_pet(slice(number, number + 1))[0]
        return suv

    def axial_pet(self, run: slice) -> npt.NDArray[np.float32]:
        """Return `axial(pet_on_ct)[run]` without the rest of it: float32 (n, H, W)."""
        return self._sampler(run)

    @cached_property
    def _sampler(self) -> SliceSampler:
        stack, world = axial_stack(self.ct.array, self.ct.affine)
        return SliceSampler(*axial_stack(self.pet.array, self.pet.affine), world, stack.shape)

    @property
    def left_out_ml(self) -> float:
        """Millilitres of all that was left out."""
        return sum(one.volume_ml for one in self.left_out)

    @property
    def lesion_count(self) -> int:
        """Number of lesions."""
        return len(self.lesions)

    @property
    def mtv_ml(self) -> float:
        """Metabolic tumour volume: millilitres of all lesions."""
        return sum(lesion.volume_ml for lesion in self.lesions)

    @property
    def tlg(self) -> float | None:
        """Total lesion glycolysis: SUVmean times mL, summed over lesions; None without PET."""
        if "pet" not in self.inputs:
            return None
        return sum(lesion.tlg for lesion in self.lesions if lesion.tlg is not None)

    @property
    def suv_max(self) -> float | None:
        """Highest SUV of any lesion; None where there is none, or no PET."""
        return _highest(lesion.suv_max for lesion in self.lesions)

    @property
    def suv_peak(self) -> float | None:
        """Highest SUVpeak of any lesion; None where there is none, or no PET."""
        return _highest(lesion.suv_peak for lesion in self.lesions)

    @property
    def sul_peak(self) -> float | None:
        """Highest SULpeak of any lesion; None where there is none, or no lean body mass."""
        return _highest(lesion.sul_peak for lesion in self.lesions)

    @property
    def dmax_mm(self) -> float | None:
        """Largest distance between centroids of lesions; None of fewer than two."""
        return largest_distance_mm([lesion.centroid_mm for lesion in self.lesions])

    @property
    def grown(self) -> tuple[GrownVolume, ...]:
        """Volume and TLG of all lesions by each of `cipa.lesions.grown.THRESHOLDS`; empty without PET."""
        if "pet" not in self.inputs:
            return ()
        if not self.lesions:
            return tuple(GrownVolume(0.0, 0.0, False) for _ in THRESHOLDS)
        return add_grown([lesion.grown for lesion in self.lesions if lesion.grown])

    def axial(self, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """View an array of the CT's grid as axial slices (S, H, W), sharing its memory.

        Slices run from the feet to the head, rows from front to back, columns from the patient's right to the
        left, as `cipa.io.orientation.axial_stack` says; `Lesion.slices` counts these slices.
        """
        return axial_stack(array, self.ct.affine)[0]

    @cached_property
    def axial_affine(self) -> npt.NDArray[np.float64]:
        """The (4, 4) affine from (slice, row, column) of `axial` to world millimetres, RAS+."""
        return axial_stack(self.ct.array, self.ct.affine)[1]

    @cached_property
    def boxes(self) -> list[tuple[slice, ...]]:
        """Where in `axial(labels)` each lesion lies, by its number less 1."""
        return lesion_boxes(self.axial(self.labels))

    def table(self) -> list[dict[str, Any]]:
        """Return a row a lesion: `pandas.DataFrame(prediction.table())` is the data frame."""
        return [lesion.row() for lesion in self.lesions]

    def totals(self) -> dict[str, Any]:
        """Return the row of the patient: name of the study, and what is measured on all lesions together."""
        percist = self.facts.get("reference", {})
        return {
            "study": self.facts.get("study", ""),
            "lesions": self.lesion_count,
            "mtv_ml": self.mtv_ml,
            "tlg": self.tlg,
            "suv_max": self.suv_max,
            "suv_peak": self.suv_peak,
            "sul_max": _highest(lesion.sul_max for lesion in self.lesions),
            "sul_peak": self.sul_peak,
            "dmax_mm": self.dmax_mm,
            **grown_row(self.grown),
            "percist_region": percist.get("percist_region"),
            "percist_threshold_suv": percist.get("percist_threshold_suv"),
            "percist_threshold_sul": percist.get("percist_threshold_sul"),
            "left_out": len(self.left_out),
            "left_out_ml": self.left_out_ml,
        }

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the voxels, in types that JSON knows."""
        return {
            "disclaimer": DISCLAIMER,
            "patient": self.totals(),
            "lesions": self.table(),
            "left_out": [one.row() for one in self.left_out],
            "warnings": list(self.warnings),
            "facts": self.facts,
        }

    def to_json(self) -> str:
        """Return `to_dict` as indented JSON, without NaN."""
        return json.dumps(self.to_dict(), indent=2, allow_nan=False) + "\n"

    def save(
        self,
        folder: str | os.PathLike[str],
        also: Sequence[Writer] = (),
        overwrite: bool = False,
        objects: Sequence[str] = DEFAULT_OBJECTS,
        needed: Sequence[Writer] = (),
    ) -> Path:
        """Write the study's folder, which appears whole or not at all.

        Args:
            folder: final name; what stands in it is in `cipa.inference.save.save_prediction`.
            also: what writes more files before the folder appears, such as the report's
                `cipa.report.study.write_study_report`.
            overwrite: replace an earlier result there.
            objects: DICOM objects to write, of `cipa.inference.dicom_objects.FILES`.
            needed: likewise to `also`; what fails of these fails all.

        Returns:
            The folder.

        Raises:
            UsageError: something stands there that is no earlier result, or may not be replaced.
        """
        return save_prediction(self, Path(folder), also, overwrite, objects, needed)


def _highest(values: Iterable[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


__all__ = ["DISCLAIMER", "Prediction"]
