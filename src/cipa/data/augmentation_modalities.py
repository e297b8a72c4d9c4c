"""Changes to one modality alone: PET or CT misregistered, PET brightness changed, one left out.

The published recipe treats CT and PET alike. Scanners do not: a patient breathes and moves between the two
scans, calibration and uptake time scale the SUV, and a study may lack one. All of it is off by default.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from cipa.data.augmentation_recipe import AugmentationRecipe
from cipa.data.intensity import BLACK, SPAN

DRAWS = 14
"""Random numbers a slice takes."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ModalityParameters:
    """What to do to PET or CT alone, and which modality to leave out, of each of B slices.

    Attributes:
        scale: (B, 2) factors of the PET's picture along x and y about the centre, CT and mask staying.
        shift: (B, 2) of the PET's picture along x and y in image sides.
        gain: (B,) factor of the SUV.
        gamma: (B,) exponent of SUV / suv_max, before the gain.
        dropped: (B, 2) whether CT and whether PET is left out; never both.
        ct_angle: (B,) radians by which the CT's picture is turned about the centre, clockwise as it is seen;
            None where no CT is put out of place.
        ct_shift: (B, 2) of the CT's picture along x and y in image sides; None likewise.
    """

    scale: Floats
    shift: Floats
    gain: Floats
    gamma: Floats
    dropped: npt.NDArray[np.bool_]
    ct_angle: Floats | None = None
    ct_shift: Floats | None = None

    @property
    def moves(self) -> bool:
        """Whether the PET of any slice is displaced."""
        return bool((self.scale != 1).any() or self.shift.any())

    def displace_pet(self, matrices: Tensor) -> Tensor:
        """Return where to take the PET from, given where CT and mask are taken from.

        The PET is displaced first and then goes the way of the CT: one matrix, and one resampling.

        Args:
            matrices: float32 (B, 2, 3) from places in the output to places in the input.

        Returns:
            The same for the PET.
        """
        own = matrices.double()
        factor, offset = (torch.from_numpy(each)[:, :, None] for each in (1 / self.scale, self._offset()))
        own = own * factor
        own[:, :, 2:] += offset
        return own.to(matrices.dtype)

    def _offset(self) -> Floats:
        return -2 * self.shift / self.scale  # a side of the image is 2 in affine_grid's unit

    def displace_ct(self, matrices: Tensor) -> Tensor:
        """Return where to take the CT from, which is displaced first, given where the mask is taken from.

        Args:
            matrices: float32 (B, 2, 3) from places in the output to places in the input.

        Returns:
            The same for the CT.
        """
        if self.ct_angle is None or self.ct_shift is None:
            return matrices
        own = matrices.double()
        own[:, :, 2] -= torch.from_numpy(2 * self.ct_shift)
        cosine, sine = np.cos(self.ct_angle), np.sin(self.ct_angle)
        back = torch.from_numpy(np.stack([np.stack([cosine, sine], 1), np.stack([-sine, cosine], 1)], 1))
        return (back @ own).to(matrices.dtype)

    def recolour(self, pet: Tensor, arcsinh_max: float | None = None) -> Tensor:
        """Return the PET with its SUV raised to gamma and multiplied, within the range it had.

        Args:
            pet: float32 (B, N, H, W) in [-1.6, 1.6].
            arcsinh_max: SUV that is white where the greys are arcsinh of SUV; None where they are linear.
        """
        if (self.gain == 1).all() and (self.gamma == 1).all():
            return pet
        gain, gamma = (_column(each, pet) for each in (self.gain, self.gamma))
        uptake = ((pet - BLACK) / SPAN).clamp(0, 1)
        if arcsinh_max is None:
            return (gain * uptake**gamma).clamp(max=1) * SPAN + BLACK
        span = math.asinh(arcsinh_max)
        suv = (gain * (torch.sinh(uptake * span) / arcsinh_max) ** gamma).clamp(max=1) * arcsinh_max
        return torch.asinh(suv) / span * SPAN + BLACK

    def leave_out(self, ct: Tensor, pet: Tensor) -> tuple[Tensor, Tensor]:
        """Return CT and PET, black where left out (`cipa.data.modalities`)."""
        if not self.dropped.any():
            return ct, pet
        without_ct, without_pet = (_column(each, ct).bool() for each in self.dropped.T)
        return ct.masked_fill(without_ct, BLACK), pet.masked_fill(without_pet, BLACK)


def modality_parameters(
    draws: Floats, recipe: AugmentationRecipe, modality_dropout: float
) -> ModalityParameters | None:
    """Turn random numbers into the parameters of each slice.

    Args:
        draws: (B, `DRAWS`) uniform in [0, 1).
        recipe: probabilities and ranges.
        modality_dropout: probability that one modality is left out, CT and PET equally often.

    Returns:
        Parameters of B slices, or None where nothing of the kind can happen.
    """
    moves_ct = bool(recipe.ct_rotation or recipe.ct_shift)
    if not (recipe.misregistration or recipe.pet_intensity or modality_dropout or moves_ct):
        return None
    symmetric = 2 * draws - 1
    moved = (draws[:, 0] < recipe.misregistration)[:, None]
    recoloured = draws[:, 5] < recipe.pet_intensity
    lost = draws[:, 8] / modality_dropout if modality_dropout else np.ones(len(draws))
    return ModalityParameters(
        scale=np.where(moved, 1 + recipe.misregistration_scale * symmetric[:, 3:5], 1.0),
        shift=np.where(moved, recipe.misregistration_shift * symmetric[:, 1:3], 0.0),
        gain=np.where(recoloured, (1 + recipe.pet_gain) ** symmetric[:, 6], 1.0),
        gamma=np.where(recoloured, (1 + recipe.pet_gamma) ** symmetric[:, 7], 1.0),
        dropped=np.stack([lost < 0.5, (lost >= 0.5) & (lost < 1)], axis=1),
        **(_ct_displacement(draws[:, 9:14], recipe) if moves_ct else {}),
    )


def _ct_displacement(draws: Floats, recipe: AugmentationRecipe) -> dict[str, Floats]:
    symmetric = 2 * draws - 1
    turned, shifted = draws[:, 0] < recipe.ct_rotation, (draws[:, 2] < recipe.ct_shift)[:, None]
    return {
        "ct_angle": np.where(turned, np.deg2rad(recipe.ct_rotation_degrees) * symmetric[:, 1], 0.0),
        "ct_shift": np.where(shifted, recipe.ct_shift_largest * symmetric[:, 3:5], 0.0),
    }


def _column(values: npt.NDArray[np.generic], like: Tensor) -> Tensor:
    """Return (B,) values as (B, 1, 1, 1) on the device and in the type of `like`."""
    column = torch.from_numpy(np.ascontiguousarray(values))[:, None, None, None]
    return column.to(like.device, like.dtype, non_blocking=True)
