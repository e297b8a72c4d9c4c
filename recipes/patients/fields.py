"""Samples with the field of view of either source: slices with neighbours, turned, scaled, shifted, cropped.

Patients come as crops about their tumour, phantoms as whole bodies. A network that can tell them apart by
their field learns two rules, each of which fails on the other's field; so both are cropped alike.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from recipes.patients.codes import CT_LOW, CT_STEP, SUV_TOP
from recipes.patients.recipe import Recipe
from recipes.patients.volumes import Volumes


@dataclass(frozen=True)
class Samples:
    """CT in HU less -600 and PET in SUV, (B, slices, S, S) each; mask (B, 1, S, S) in [0, 1]."""

    ct: Tensor
    pet: Tensor
    mask: Tensor

    def take(self, chosen: Tensor) -> "Samples":
        """Return some of the samples."""
        return Samples(self.ct[chosen], self.pet[chosen], self.mask[chosen])


def cut_fields(
    volumes: Volumes,
    index: Tensor,
    recipe: Recipe,
    slices: int,
    target: Tensor | None = None,
    zoom: float = 1.0,
) -> Samples:
    """Sample slices by their places.

    Args:
        volumes: where from.
        index: (B,) places of slices.
        recipe: image size and variation.
        slices: channels, 1 or 3.
        target: (B, 2) where on the image, mm from its middle, the tumour's middle goes; by default
            the field's middle goes to the image's, but for a shift.
        zoom: factor on every length, below 1 for smaller tumours.
    """
    by, device = recipe.variation, index.device
    count, some = len(index), lambda p: torch.rand(len(index), device=device) < p
    field = _field(volumes, index, by.crop)
    turn = _uniform(count, by.turn, device).deg2rad() * some(by.affine)
    scale = (_uniform(count, by.scale, device) * some(by.affine)).exp() * zoom
    aspect = (_uniform(count, by.aspect, device) * some(by.affine)).exp()
    flip = torch.where(some(by.mirror), -1.0, 1.0), torch.where(some(by.upside_down), -1.0, 1.0)
    middle = field.view(-1, 2, 2).mean(2)
    side = recipe.size * recipe.pixel
    goes = torch.stack([_uniform(count, by.shift * side, device) for _ in range(2)], 1)
    if target is not None:
        middle, goes = volumes.tumour[volumes.patient[index]].view(-1, 2, 2).mean(2), target
    # too large a field is made to fit, as it is when a study is segmented
    largest = (field[:, 1::2] - field[:, ::2]).amax(1)
    scale = torch.minimum(scale, side * 1.02 / largest) if target is None else scale
    cos, sin = turn.cos(), turn.sin()
    into = torch.stack(  # from image to patient: rows are (x, y)
        [
            cos * flip[0] / (scale * aspect),
            -sin * flip[0] / scale,
            sin * flip[1] / (scale * aspect),
            cos * flip[1] / scale,
        ],
        1,
    ).view(-1, 2, 2)
    axis = (torch.arange(recipe.size, device=device) + 0.5) * recipe.pixel - side / 2
    points = torch.stack(torch.meshgrid(axis, axis, indexing="xy"), -1).view(1, -1, 2) - goes.flip(1)[:, None]
    place = points @ into.transpose(1, 2) + middle.flip(1)[:, None]
    inside = _inside(place, field).view(count, 1, recipe.size, recipe.size)
    ct, pet, mask = _stack(volumes, index, slices)
    if slices > 1:
        turned = some(by.mirror)[:, None, None, None]
        ct, pet = (torch.where(turned, each.flip(1), each) for each in (ct, pet))
    grid = _normalised(place, volumes, recipe.size)
    moved = grid
    if by.misalign:
        moved = _normalised(_misaligned(place, some(by.misalign), by.misalign_mm), volumes, recipe.size)
    ct, rest = _read(ct, moved), _read(torch.cat([pet, mask], 1), grid)
    return Samples(ct * inside, rest[:, :-1] * inside, rest[:, -1:] * inside)


def _field(volumes: Volumes, index: Tensor, probability: float) -> Tensor:
    """Return the field of each sample, (B, 4) top, bottom, left, right in mm: its own, or cut closer."""
    patient = volumes.patient[index]
    half = volumes.extent[patient] / 2
    own = torch.stack([-half[:, 0], half[:, 0], -half[:, 1], half[:, 1]], 1)
    margin = 15 + 60 * torch.rand(len(index), 4, device=index.device)
    margin *= torch.tensor([-1.0, 1.0, -1.0, 1.0], device=index.device)
    close = volumes.tumour[patient] + margin
    low, high = torch.maximum(close, own), torch.minimum(close, own)
    close = torch.stack([low[:, 0], high[:, 1], low[:, 2], high[:, 3]], 1)
    cut = torch.rand(len(index), 1, device=index.device) < probability
    return torch.where(cut, close, own)


def _inside(place: Tensor, field: Tensor) -> Tensor:
    x, y = place[..., 0], place[..., 1]
    top, bottom, left, right = field[:, :, None].unbind(1)
    return ((y >= top) & (y < bottom) & (x >= left) & (x < right)).float()


def _stack(volumes: Volumes, index: Tensor, slices: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return CT above -600 HU, SUV and mask of slices, CT and PET with neighbours, (B, slices, C, C)."""
    reach = torch.arange(slices, device=index.device) - slices // 2
    near = index[:, None] + reach
    missing = (near < volumes.first[index][:, None]) | (near > volumes.last[index][:, None])
    near = torch.where(missing, index[:, None], near)
    pet = (volumes.pet[near].float() / 255).square() * SUV_TOP
    return volumes.ct[near].float() * CT_STEP, pet, volumes.mask[index][:, None].float()


def _normalised(place: Tensor, volumes: Volumes, size: int) -> Tensor:
    side = volumes.ct.shape[-1] * volumes.pixel
    return (place * (2 / side)).view(len(place), size, size, 2)


def _misaligned(place: Tensor, chosen: Tensor, distance: float) -> Tensor:
    count, device = len(place), place.device
    turn = _uniform(count, 5.0, device).deg2rad() * chosen
    shift = torch.stack([_uniform(count, distance, device) for _ in range(2)], 1) * chosen[:, None]
    turned = torch.stack([turn.cos(), -turn.sin(), turn.sin(), turn.cos()], 1).view(-1, 2, 2)
    return place @ turned.transpose(1, 2) + shift[:, None]


def _read(images: Tensor, grid: Tensor) -> Tensor:
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def _uniform(count: int, largest: float, device: torch.device) -> Tensor:
    return (torch.rand(count, device=device) * 2 - 1) * largest


LOWEST = CT_LOW
"""HU that a CT of 0 stands for."""
