"""CT and PET, or one of them: what stands in for the missing one.

What is absent is black, grey 0, everywhere in the slice: -1.6 after normalisation. That is what a network
sees outside the patient, so that it is no new value to learn, and every network takes it.
"""

from typing import TYPE_CHECKING

from cipa.data.intensity import BLACK

if TYPE_CHECKING:  # a recipe can be read, and help printed, without torch
    from torch import Tensor


def keep_inputs(ct: "Tensor", pet: "Tensor", inputs: str) -> "tuple[Tensor, Tensor]":
    """Make the modality that is not among the inputs black.

    Args:
        ct: float (B, N, H, W), normalised to [-1.6, 1.6].
        pet: likewise.
        inputs: of `cipa.modalities.INPUTS`.

    Returns:
        CT and PET; what is kept is the tensor that was given, unchanged.
    """
    return (
        ct if "ct" in inputs else ct.new_full(ct.shape, BLACK),
        pet if "pet" in inputs else pet.new_full(pet.shape, BLACK),
    )
