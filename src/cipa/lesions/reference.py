"""Uptake of liver and blood, which a lesion's is compared with, where the user says where they lie.

Wahl et al., PERCIST 1.0, J Nucl Med 2009: liver in a sphere of 3 cm in the right lobe, blood in a cylinder of
1 cm over 2 cm of the descending aorta. Where that is, nobody guesses here: without organ masks the reader
points there. PET's own voxels count whose centres lie in the region, as interpolation would lower the
standard deviation.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from cipa.errors import DataError
from cipa.io.volume import Volume

Millimetres = tuple[float, float, float]


@dataclass(frozen=True)
class Kind:
    """A region of reference.

    Attributes:
        name: in words.
        option: that says where it is.
        shape: in words.
        radius_mm: of the sphere, or of the cylinder along the body.
        length_mm: of the cylinder; None of a sphere.
        suv: means that are met in patients about an hour after FDG.
        most_variation: standard deviation over mean above which it is no uniform tissue.
    """

    name: str
    option: str
    shape: str
    radius_mm: float
    length_mm: float | None
    suv: tuple[float, float]
    most_variation: float

    def holds(self, offsets: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
        """Tell which points lie in the region; `offsets` (..., 3) are mm from its centre, z last."""
        if self.length_mm is None:
            return np.asarray((offsets**2).sum(axis=-1) <= self.radius_mm**2)
        across = (offsets[..., :2] ** 2).sum(axis=-1) <= self.radius_mm**2
        return np.asarray(across & (np.abs(offsets[..., 2]) <= self.length_mm / 2))


KINDS = {
    "liver": Kind("liver", "--liver-mm", "sphere of 3 cm", 15.0, None, (0.8, 5.0), 0.25),
    "blood_pool": Kind("blood pool", "--blood-pool-mm", "cylinder of 1 x 2 cm", 5.0, 20.0, (0.5, 4.0), 0.3),
}
"""By the name in facts. Most livers have a mean SUV of 1.5 to 3.5 and blood 1 to 2.5, here with room on
both sides. Noise is 0.08 to 0.2 of the mean; at the edge of an organ it is 0.3 and more."""

FEWEST_VOXELS = 8

TISSUE_HU = (-30.0, 250.0)
"""Mean CT of liver and of blood, fat liver and contrast agent included."""

AIR_HU = -200.0


@dataclass(frozen=True)
class Reference:
    """What was measured in a region.

    Attributes:
        kind: as in `KINDS`.
        centre_mm: x, y, z, LPS.
        voxels: of PET.
        mean_suv: body-weight SUV.
        sd_suv: sample standard deviation.
    """

    kind: str
    centre_mm: Millimetres
    voxels: int
    mean_suv: float
    sd_suv: float

    def facts(self) -> dict[str, Any]:
        """Return it in JSON types, units and axes in the names."""
        centre = {f"centre_{axis}_mm": value for axis, value in zip("lps", self.centre_mm, strict=True)}
        return centre | {"voxels": self.voxels, "mean_suv": self.mean_suv, "sd_suv": self.sd_suv}


def measure_reference(
    kind: str, centre_mm: Millimetres, pet: Volume, ct: Volume | None, labels: Volume | None = None
) -> tuple[Reference, list[str]]:
    """Measure a region, and see whether it can be what it is said to be.

    Args:
        kind: of `KINDS`.
        centre_mm: its centre, x, y, z in DICOM's patient coordinates (LPS), as reports give centroids.
        pet: body-weight SUV.
        ct: HU in the same world; None without CT.
        labels: numbers of the lesions, likewise.

    Returns:
        The uptake, and what is doubtful about it.

    Raises:
        DataError: the region is not wholly in the PET, or in the CT not in the patient.
    """
    about = KINDS[kind]
    what = f"{about.option} {' '.join(f'{part:g}' for part in centre_mm)}"
    index, points = _voxels_of(about, centre_mm, pet, what)
    values = pet.array[tuple(index.T)].astype(np.float64)
    mean, deviation = float(values.mean()), float(values.std(ddof=1))
    lines = []
    if ct is not None:
        lines += _check_tissue(about, what, _at(points, ct, -1000.0))
    if labels is not None and _at(points, labels, 0.0).any():
        lines.append(f"{what}: the region overlaps a lesion; point to healthy {about.name}")
    lowest, highest = about.suv
    if not lowest <= mean <= highest:
        lines.append(
            f"{what}: mean SUV {mean:.2f}, not {lowest:g} to {highest:g} as in {about.name}: right place?"
        )
    if mean <= 0 or deviation / mean > about.most_variation:
        share = "" if mean <= 0 else f", {100 * deviation / mean:.0f} % of the mean"
        lines.append(
            f"{what}: standard deviation {deviation:.2f}{share}, too much for {about.name}: right place?"
        )
    return Reference(kind, centre_mm, len(values), mean, deviation), lines


PERCIST_MEANS = {"liver": 1.5, "blood_pool": 2.0}
"""Means that, with 2 SD more, a lesion must exceed; blood counts where the liver is diseased."""


def percist_region(found: Collection[str]) -> str | None:
    """Return the region that PERCIST 1.0 goes by among those found: the liver, else the blood pool."""
    return next((kind for kind in PERCIST_MEANS if kind in found), None)


def percist_threshold(kind: str, mean: float, sd: float) -> float:
    """Return the SULpeak above which PERCIST 1.0 measures a lesion, of a region's mean and SD."""
    return PERCIST_MEANS[kind] * mean + 2 * sd


def _voxels_of(
    about: Kind, centre_mm: Millimetres, pet: Volume, what: str
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]:
    """Return indices (n, 3) of PET's voxels in a region, and where they are, RAS mm."""
    centre = np.array(centre_mm) * (-1, -1, 1)
    reach = max(about.radius_mm, (about.length_mm or 0) / 2)
    inverse = np.linalg.inv(pet.affine)
    middle = inverse[:3] @ [*centre, 1.0]
    most = np.linalg.norm(inverse[:3, :3], axis=1) * reach + 1
    sides = [
        np.arange(int(np.floor(place - far)), int(np.ceil(place + far)) + 1)
        for place, far in zip(middle, most, strict=True)
    ]
    index = np.stack(np.meshgrid(*sides, indexing="ij"), -1).reshape(-1, 3)
    points = index @ pet.affine[:3, :3].T + pet.affine[:3, 3]
    inside = about.holds(points - centre)
    index, points = index[inside], points[inside]
    if len(index) and not ((index >= 0) & (index < pet.shape)).all():
        raise DataError(f"{what}: the {about.shape} there is not wholly in the PET; x, y, z are LPS, in mm")
    if len(index) < FEWEST_VOXELS:
        raise DataError(f"{what}: {len(index)} voxels of PET in the {about.shape}, too few to measure")
    return index, points


def _check_tissue(about: Kind, what: str, hu: npt.NDArray[np.float64]) -> list[str]:
    mean = float(hu.mean())
    if mean < AIR_HU:
        raise DataError(
            f"{what}: the {about.shape} there is in air or lung, mean CT {mean:.0f} HU; is it LPS, mm?"
        )
    share = float((hu < AIR_HU).mean())
    if share > 0.02:
        return [
            f"{what}: {100 * share:.0f} % of the region is air or lung; point farther into the {about.name}"
        ]
    if not TISSUE_HU[0] <= mean <= TISSUE_HU[1]:
        return [f"{what}: mean CT {mean:.0f} HU, not that of {about.name}: right place?"]
    return []


def _at(points: npt.NDArray[np.float64], volume: Volume, beyond: float) -> npt.NDArray[np.float64]:
    """Return the nearest voxel's value at points (n, 3), RAS mm."""
    index = np.rint((points - volume.affine[:3, 3]) @ np.linalg.inv(volume.affine[:3, :3]).T).astype(int)
    inside = ((index >= 0) & (index < volume.shape)).all(axis=1)
    found = np.full(len(points), beyond)
    found[inside] = volume.array[tuple(index[inside].T)]
    return found
