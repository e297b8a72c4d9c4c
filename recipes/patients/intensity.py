"""Grey values of samples: noise, blur, gain and windows that vary, then the range the network takes."""

import torch
from torch import Tensor
from torch.nn import functional as F

from recipes.patients.fields import LOWEST, Samples
from recipes.patients.recipe import Recipe, Variation

BLACK, SPAN = -1.6, 3.2


def to_network(samples: Samples, recipe: Recipe, *, vary: bool = True) -> tuple[Tensor, Tensor, Tensor]:
    """Return CT and PET in [-1.6, 1.6] and the mask, 0 or 1, as the network and its loss take them."""
    ct, pet = samples.ct, samples.pet
    low, high = (torch.full((len(ct), 1, 1, 1), float(end), device=ct.device) for end in recipe.ct_window)
    if vary:
        ct, pet = _vary_ct(ct, recipe.variation), _vary_pet(pet, recipe.variation)
        low = low + torch.randn_like(low) * recipe.variation.window
        high = high + torch.randn_like(high) * recipe.variation.window
    grey_ct = ((ct + LOWEST - low) / (high - low)).clamp(0, 1)
    grey_pet = scale_pet(pet, recipe.suv_max)
    if vary:
        grey_ct, grey_pet = _drop(grey_ct, grey_pet, recipe.variation)
    return grey_ct * SPAN + BLACK, grey_pet * SPAN + BLACK, (samples.mask >= 0.5).float()


def scale_pet(suv: Tensor, suv_max: float) -> Tensor:
    """Return SUV as a share of white, 0 to 1."""
    return (suv / suv_max).clamp(0, 1)


def _vary_ct(ct: Tensor, by: Variation) -> Tensor:
    ct = _blur(ct, by.blur)
    noise = _grain(ct) * _some(ct, by.noise) * 25 * torch.rand(len(ct), 1, 1, 1, device=ct.device)
    return torch.where(ct > 0, ct + noise, ct)  # what is clipped shows no noise


def _vary_pet(pet: Tensor, by: Variation) -> Tensor:
    pet = _blur(pet, by.blur)
    each = torch.randn(2, len(pet), 1, 1, 1, device=pet.device)
    gain, gamma = (by.pet_gain * each[0]).exp(), (by.pet_gamma * each[1]).exp()
    level = 0.25 * torch.rand(len(pet), 1, 1, 1, device=pet.device) * _some(pet, by.noise)
    pet = gain * 2 * (pet / 2).clamp(min=1e-4) ** gamma
    return (pet + level * _grain(pet) * pet.clamp(min=0).sqrt()).clamp(min=0)


def _grain(images: Tensor) -> Tensor:
    """Return noise of unit spread whose grains are one to two pixels wide."""
    noise = torch.randn_like(images)
    return 2.2 * F.avg_pool2d(noise, 3, 1, 1) * 0.8 + 0.6 * noise * 0.5


def _blur(images: Tensor, probability: float) -> Tensor:
    """Blur some samples, each by its own share of a filter of three pixels applied twice."""
    smooth = F.avg_pool2d(
        F.avg_pool2d(images, 3, 1, 1, count_include_pad=False), 3, 1, 1, count_include_pad=False
    )
    return torch.lerp(
        images, smooth, _some(images, probability) * torch.rand(len(images), 1, 1, 1, device=images.device)
    )


def _drop(ct: Tensor, pet: Tensor, by: Variation) -> tuple[Tensor, Tensor]:
    drawn = torch.rand(len(ct), 1, 1, 1, device=ct.device)
    return ct * (drawn >= by.dropout * (1 - by.pet_share)), pet * (drawn < 1 - by.dropout * by.pet_share)


def _some(images: Tensor, probability: float) -> Tensor:
    return (torch.rand(len(images), 1, 1, 1, device=images.device) < probability).float()
