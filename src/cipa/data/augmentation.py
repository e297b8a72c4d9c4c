"""Augmentation for a whole batch at once on the device that trains; by default the published one.

Two halves: `sample` draws numbers, `augment` applies them and draws nothing. The numbers of a slice come from
a generator seeded by (seed, epoch, index), so that neither the batch it lands in nor the number of processes
nor a restart changes what happens to it.

The published code works on 8-bit images, fills with zero and resamples at each step. Here the steps are
composed into one matrix a slice and the image is resampled once, linearly, from floats: no blur upon blur and
no rounding between. What lies outside is the same black: zero before normalisation is -1.6 after it. The
composition loses nothing, for a flip keeps the frame and a crop lies inside it: neither could show what the
first step moved out. Where PET is put out of place against CT (`cipa.data.augmentation_modalities`), it has a
matrix of its own and is still resampled once.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from cipa.data.augmentation_modalities import DRAWS, ModalityParameters, modality_parameters
from cipa.data.augmentation_recipe import AugmentationRecipe
from cipa.data.intensity import BLACK

__all__ = ["AugmentationParameters", "AugmentationRecipe", "augment", "sample"]

FIELD_DRAWS = 5
"""Random numbers that a slice's field of view takes."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class AugmentationParameters:
    """What to do to each of B slices, in this order: scale about the centre, shift, flip, crop.

    Positions are those of `torch.nn.functional.affine_grid` without aligned corners: the image spans [-1, 1]
    along x (columns) and y (rows).

    Attributes:
        scale: (B, 2) factors along x and y; 1 leaves alone.
        shift: (B, 2) along x and y in image sides; 0.1 moves the picture right (down) by a tenth of it.
        flip: (B, 2) of 1 or -1 along x and y; -1 mirrors.
        crop_side: (B,) side of the square cut out, in image sides; 1 is the whole image.
        crop_centre: (B, 2) its centre along x and y in [-1, 1].
        modalities: what happens to one modality alone, its displacement first; None for nothing.
        field_side: (B, 2) sides along x and y, in image sides, of the rectangle that stays at the end; None
            where none is cut.
        field_centre: (B, 2) its centre in [-1, 1]; None likewise.
    """

    scale: Floats
    shift: Floats
    flip: Floats
    crop_side: Floats
    crop_centre: Floats
    modalities: ModalityParameters | None = None
    field_side: Floats | None = None
    field_centre: Floats | None = None

    def matrices(self) -> Tensor:
        """Return the composition, float32 (B, 2, 3), from output to input positions."""
        factor = self.flip * self.crop_side[:, None] / self.scale
        offset = (self.flip * self.crop_centre - 2 * self.shift) / self.scale
        matrices = np.zeros((len(factor), 2, 3), dtype=np.float32)
        matrices[:, (0, 1), (0, 1)] = factor
        matrices[:, :, 2] = offset
        return torch.from_numpy(matrices)


def sample(
    seed: int,
    epoch: int,
    indices: Iterable[int],
    recipe: AugmentationRecipe,
    modality_dropout: float = 0.0,
) -> AugmentationParameters:
    """Draw what happens to each slice of a batch in one epoch.

    Args:
        seed: of the run, 0 or more.
        epoch: number of the pass over the data, 0 or more.
        indices: (B,) place of each slice in the data set, whatever the batch.
        recipe: probabilities and ranges.
        modality_dropout: probability that CT or PET, equally often, is left out.

    Returns:
        Parameters of B slices, each a function of (seed, epoch, its index, recipe, dropout) alone.
    """
    # Always the same numbers a slice: another probability of one step leaves the other steps alone
    count = 11 + DRAWS + FIELD_DRAWS
    draws = np.stack([np.random.default_rng((seed, epoch, int(index))).random(count) for index in indices])
    affine = draws[:, 0] < recipe.affine
    scale = 1 + recipe.scale * _symmetric(draws[:, 1])
    root_aspect = np.sqrt(1 + recipe.aspect * _symmetric(draws[:, 2]))
    shift = recipe.shift * _symmetric(draws[:, 3:5])
    flip = draws[:, 5:7] < (recipe.horizontal_flip, recipe.vertical_flip)
    side = recipe.crop_smallest + (recipe.crop_largest - recipe.crop_smallest) * draws[:, 8]
    side = np.where(draws[:, 7] < recipe.crop, side, 1.0)
    stretch = np.stack([scale * root_aspect, scale / root_aspect], axis=1)
    return AugmentationParameters(
        scale=np.where(affine[:, None], stretch, 1.0),
        shift=np.where(affine[:, None], shift, 0.0),
        flip=np.where(flip, -1.0, 1.0),
        crop_side=side,
        crop_centre=(1 - side)[:, None] * _symmetric(draws[:, 9:11]),
        modalities=modality_parameters(draws[:, 11 : 11 + DRAWS], recipe, modality_dropout),
        **(_field(draws[:, 11 + DRAWS :], recipe) if recipe.field else {}),
    )


def _field(draws: Floats, recipe: AugmentationRecipe) -> dict[str, Floats]:
    """Draw a rectangle that stays, (B, 2) sides and centres."""
    side = recipe.field_smallest + (1 - recipe.field_smallest) * draws[:, 1:3]
    side = np.where((draws[:, 0] < recipe.field)[:, None], side, 1.0)
    return {"field_side": side, "field_centre": (1 - side) * _symmetric(draws[:, 3:5])}


def augment(
    ct: Tensor,
    pet: Tensor,
    mask: Tensor,
    parameters: AugmentationParameters,
    arcsinh_max: float | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Apply sampled parameters to a batch, on the device it is on.

    Args:
        ct: float32 (B, N, H, W), normalised to [-1.6, 1.6]; what happens to a slice happens to all N of it.
        pet: likewise.
        mask: float32 (B, 1, H, W) of 0 and 1.
        parameters: of B slices, from `sample`.
        arcsinh_max: SUV that is white where the PET's greys are arcsinh of SUV; None where they are linear.

    Returns:
        CT, PET and mask of the same shapes; what came from outside the image is -1.6, -1.6 and 0, and the
        mask, cut at one half after resampling, is 0 or 1 again. A modality left out is -1.6 everywhere.
    """
    # grid_sample fills with zero, so that CT and PET are lifted to make zero their black
    slices, kind = ct.shape[1], mask.dtype
    stack = torch.cat([ct - BLACK, pet - BLACK, mask], dim=1)
    matrices, modalities = parameters.matrices(), parameters.modalities
    moved = _resample(stack, matrices)
    ct, pet, mask = moved.split([slices, slices, 1], dim=1)
    ct, pet = ct + BLACK, pet + BLACK
    if modalities is not None:
        if modalities.ct_angle is not None:
            ct = _resample(stack[:, :slices], modalities.displace_ct(matrices)) + BLACK
        if modalities.moves:
            pet = _resample(stack[:, slices:-1], modalities.displace_pet(matrices)) + BLACK
        ct, pet = modalities.leave_out(ct, modalities.recolour(pet, arcsinh_max))
    if parameters.field_side is not None and parameters.field_centre is not None:
        outside = _outside(parameters.field_side, parameters.field_centre, mask)
        ct, pet, mask = ct.masked_fill(outside, BLACK), pet.masked_fill(outside, BLACK), mask * ~outside
    return ct, pet, (mask >= 0.5).to(kind)


def _outside(side: Floats, centre: Floats, like: Tensor) -> Tensor:
    """Return whether each pixel is outside its slice's rectangle, (B, 1, H, W) on the device of `like`."""
    beyond = []
    for axis, length in ((1, like.shape[2]), (0, like.shape[3])):
        places = (2 * torch.arange(length, device=like.device) + 1) / length - 1
        middle, half = (
            torch.from_numpy(np.ascontiguousarray(each[:, axis, None])).to(like.device, torch.float32)
            for each in (centre, side)
        )
        beyond.append((places - middle).abs() > half)
    rows, columns = beyond
    return (rows[:, :, None] | columns[:, None, :])[:, None]


def _resample(images: Tensor, matrices: Tensor) -> Tensor:
    matrices = matrices.to(images.device, non_blocking=True)
    grid = F.affine_grid(matrices, list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def _symmetric(draws: Floats) -> Floats:
    return 2 * draws - 1
