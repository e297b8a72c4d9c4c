"""Which slices make a batch, and tumours set into other surroundings."""

import torch
from torch import Tensor
from torch.nn import functional as F

from recipes.patients.fields import Samples, cut_fields
from recipes.patients.hardness import Hardness
from recipes.patients.recipe import Recipe
from recipes.patients.volumes import Volumes

REACH = (80.0, 55.0)
"""How far from the middle of an image a transplanted tumour may sit, mm across and deep."""

BACKGROUND_SUV = (0.5, 1.3)
"""Uptake that a cold tumour falls to: muscle's to that of a sarcoma which PET hardly shows."""

COLDEST, WARMEST = 0.0, 0.4
"""Share of its uptake above that background that a cold tumour keeps."""


class Sampler:
    """Draws batches from patients and phantoms, or from one of them.

    Args:
        sources: patients and phantoms, either of which may be None.
        recipe: shares and variation.
        slices: of each modality that the network sees.
    """

    def __init__(self, sources: tuple[Volumes | None, Volumes | None], recipe: Recipe, slices: int) -> None:
        self.recipe, self.slices = recipe, slices
        shares = (recipe.patients, 1 - recipe.patients)
        self.sources = [source for source, share in zip(sources, shares, strict=True) if source and share > 0]
        self.shares = [share for source, share in zip(sources, shares, strict=True) if source and share > 0]
        self.weights = [_weights(source) for source in self.sources]
        self.of_patients = [source is sources[0] for source in self.sources]
        self.hardness = [Hardness(source) for source in self.sources]
        self._drawn: list[Tensor] = []

    def batch(self) -> Samples:
        """Draw samples of every source, in the recipe's shares."""
        count = self.recipe.batch
        sizes = [round(count * share / sum(self.shares)) for share in self.shares]
        sizes[-1] = count - sum(sizes[:-1])
        self._drawn = [torch.zeros(0, dtype=torch.long)] * len(sizes)
        parts = [self._part(place, size) for place, size in enumerate(sizes) if size]
        return Samples(
            *(torch.cat([getattr(part, name) for part in parts]) for name in ("ct", "pet", "mask"))
        )

    def follow(self, wrong: Tensor) -> None:
        """Take note of how wrong each sample of the last batch was, (B,) in [0, 1]."""
        sizes = [len(index) for index in self._drawn]
        for hardness, index, own in zip(self.hardness, self._drawn, wrong.split(sizes), strict=True):
            if len(index):
                hardness.follow(index, own)

    def _part(self, place: int, count: int) -> Samples:
        index = self._drawn[place] = self._draw(place, count, self.recipe.lesion_free)
        samples = cut_fields(self.sources[place], index, self.recipe, self.slices)
        if self.recipe.variation.cold and self.of_patients[place]:
            samples = _cool(samples, self.recipe.variation.cold, self.recipe.pixel)
        if not self.recipe.variation.transplant or len(self.sources) < 2:
            return samples
        moved = int(torch.rand(count).lt(self.recipe.variation.transplant).sum())
        return self._transplant(samples, place, moved) if moved else samples

    def _draw(self, place: int, count: int, lesion_free: float) -> Tensor:
        with_tumour, without = self.weights[place]
        if self.recipe.hard:
            harder = 1 + self.recipe.hard * self.hardness[place].value
            with_tumour, without = with_tumour * harder, without * harder
        healthy = int(torch.rand(count).lt(lesion_free).sum())
        drawn = [torch.multinomial(with_tumour, count - healthy, replacement=True)] if healthy < count else []
        if healthy:
            drawn.append(torch.multinomial(without, healthy, replacement=True))
        return torch.cat(drawn)

    def _transplant(self, samples: Samples, place: int, count: int) -> Samples:
        """Give the last `count` samples a tumour of the other source, blended into their own surroundings."""
        donor = 1 - place
        device = samples.ct.device
        target = torch.stack([(torch.rand(count, device=device) * 2 - 1) * reach for reach in REACH[::-1]], 1)
        zoom = 0.3 + 0.5 * float(torch.rand(())) if donor == 0 else 0.8 + 0.6 * float(torch.rand(()))
        given = cut_fields(
            self.sources[donor], self._draw(donor, count, 0.0), self.recipe, self.slices, target, zoom
        )
        body = (
            (samples.ct[-count:] > 400).float().mean(1, keepdim=True)
        )  # more than -200 HU: no tumour in air
        share = _feather(given.mask, self.recipe.pixel) * _feather(body, self.recipe.pixel)
        blended = Samples(
            *(
                torch.lerp(getattr(samples, name)[-count:], getattr(given, name), share)
                for name in ("ct", "pet", "mask")
            )
        )
        return Samples(
            *(
                torch.cat([getattr(samples, name)[:-count], getattr(blended, name)])
                for name in ("ct", "pet", "mask")
            )
        )


def _cool(samples: Samples, probability: float, pixel: float) -> Samples:
    """Take from some samples most of what their tumours take up: CT alone shows them then."""
    pet = samples.pet
    chosen, level, kept = torch.rand(3, len(pet), 1, 1, 1, device=pet.device).unbind(0)
    background = BACKGROUND_SUV[0] + (BACKGROUND_SUV[1] - BACKGROUND_SUV[0]) * level
    kept = COLDEST + (WARMEST - COLDEST) * kept
    cold = torch.where(pet > background, background + kept * (pet - background), pet)
    share = _feather(samples.mask, pixel) * (chosen < probability)
    return Samples(samples.ct, torch.lerp(pet, cold, share), samples.mask)


def _feather(mask: Tensor, pixel: float) -> Tensor:
    """Return 1 on a mask and some 6 mm around it, falling to 0 over as much again."""
    reach = max(1, round(6 / pixel))
    grown = F.max_pool2d(mask, 2 * reach + 1, 1, reach)
    return F.avg_pool2d(grown, 2 * reach + 1, 1, reach, count_include_pad=False)


def _weights(volumes: Volumes) -> tuple[Tensor, Tensor]:
    """Return the weight of every slice with tumour, and of every one without: between slices and patients."""
    rows = []
    for shows in (volumes.shows, ~volumes.shows):
        own = torch.bincount(volumes.patient[shows], minlength=len(volumes.names)).clamp(min=1).float()
        rows.append(shows.float() / own[volumes.patient].sqrt())
    with_tumour, without = (row if row.any() else row + 1 for row in rows)  # a source may have only one kind
    return with_tumour, without
