"""Checks of the pair that every network takes."""

from torch import Tensor

from cipa.errors import DataError
from cipa.models.config import IMAGE_SIZE_STEP
from cipa.text import plural


def check_pair(ct: Tensor, pet: Tensor, slices: int = 1) -> None:
    """Check that a CT and a PET can be segmented together.

    Args:
        ct: floating, (B, slices, H, W), sides multiples of 128.
        pet: like `ct`, of the same shape.
        slices: axial slices that the network sees of each.

    Raises:
        DataError: they are not, by name.
    """
    for name, image in (("ct", ct), ("pet", pet)):
        if image.ndim != 4 or image.shape[1] != slices:
            raise DataError(
                f"{name} has shape {tuple(image.shape)}: must be (batch, {slices}, height, width), as this "
                f"network sees {plural(slices, 'slice')}"
            )
        if not image.is_floating_point():
            raise DataError(f"{name} is {image.dtype}: must be floating, see cipa.data.intensity.normalise")
    if ct.shape != pet.shape:
        raise DataError(
            f"ct has shape {tuple(ct.shape)}, pet {tuple(pet.shape)}: bring both to the same grid first"
        )
    height, width = ct.shape[2:]
    if height % IMAGE_SIZE_STEP or width % IMAGE_SIZE_STEP:
        raise DataError(f"images are {height} x {width}: sides must be multiples of {IMAGE_SIZE_STEP}")
