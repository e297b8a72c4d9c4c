"""What augmentation may do to a slice, as numbers."""

from dataclasses import dataclass, fields

from cipa.errors import UsageError


@dataclass(frozen=True)
class AugmentationRecipe:
    """Probabilities and ranges; the defaults are the published recipe.

    Ranges of +- are uniform about their middle. The published steps act on CT, PET and mask alike; those that
    act on the PET alone are this project's, and off.

    Attributes:
        affine: probability of one shift, scale and change of aspect together; there is no rotation.
        shift: largest shift along x and along y, as a fraction of the image's side.
        scale: largest relative change of size; 0.1 is a factor of 0.9 to 1.1.
        aspect: largest relative change of width over height at constant area; 0.1 is a ratio of 0.9 to 1.1.
        horizontal_flip: probability of exchanging left and right.
        vertical_flip: probability of exchanging front and back. The paper names it, its code has none: 0.
        crop: probability of cutting out a square and enlarging it to the full image.
        crop_smallest: smallest side of the square, as a fraction of the image's.
        crop_largest: largest side of the square.
        misregistration: probability of putting the PET out of place against CT and mask, as breathing and a
            patient who moves between the two scans do.
        misregistration_shift: its largest shift along x and along y, as a fraction of the image's side; 0.02
            is 10 mm of 500 mm.
        misregistration_scale: its largest relative change of size along x and along y.
        pet_intensity: probability of changing the PET's brightness, as calibration and uptake time do.
        pet_gain: 0.2 multiplies the SUV by 1 / 1.2 to 1.2, uniform in the logarithm.
        pet_gamma: 0.2 raises SUV / suv_max to the power of 1 / 1.2 to 1.2, uniform in the logarithm.
        ct_rotation: probability of turning the CT against PET and mask, which are the truth. Kalisch et al.
            (LesionTracer, autoPET III, 2024) turn by 5 degrees and shift by 2 voxels, each with 0.1.
        ct_rotation_degrees: its largest angle, either way.
        ct_shift: probability of shifting the CT against PET and mask.
        ct_shift_largest: its largest shift along x and along y, as a fraction of the image's side; 0.008 is
            4 mm of 500 mm.
        field: probability of a smaller field of view: all outside a rectangle becomes black and no tumour, so
            that a network does not tell data sets apart by their fields.
        field_smallest: smallest side of the rectangle, as a fraction of the image's.

    Raises:
        UsageError: a value is outside its range.
    """

    affine: float = 0.5
    shift: float = 0.1
    scale: float = 0.1
    aspect: float = 0.1
    horizontal_flip: float = 0.5
    vertical_flip: float = 0.0
    crop: float = 0.5
    crop_smallest: float = 0.7
    crop_largest: float = 0.9
    misregistration: float = 0.0
    misregistration_shift: float = 0.02
    misregistration_scale: float = 0.02
    pet_intensity: float = 0.0
    pet_gain: float = 0.2
    pet_gamma: float = 0.2
    ct_rotation: float = 0.0
    ct_rotation_degrees: float = 5.0
    ct_shift: float = 0.0
    ct_shift_largest: float = 0.008
    field: float = 0.0
    field_smallest: float = 0.5

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            highest = 180 if field.name == "ct_rotation_degrees" else 1
            if not 0 <= value <= highest:
                raise UsageError(f"augmentation.{field.name} is {value:g}: give a value from 0 to {highest}")
        if self.field_smallest == 0:
            raise UsageError("augmentation.field_smallest is 0: the image would vanish, give a value above 0")
        for name in ("scale", "aspect", "misregistration_scale"):
            if getattr(self, name) >= 1:
                raise UsageError(f"augmentation.{name} is 1: the image would vanish, give a value below 1")
        if not 0 < self.crop_smallest <= self.crop_largest:
            raise UsageError(
                f"augmentation.crop_smallest is {self.crop_smallest:g}: give a value above 0 and not above "
                f"crop_largest, {self.crop_largest:g}"
            )
