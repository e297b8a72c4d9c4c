import pytest

from cipa.data.augmentation_recipe import AugmentationRecipe
from cipa.errors import UsageError


def test_the_defaults_are_the_published_recipe():
    recipe = AugmentationRecipe()
    assert (recipe.affine, recipe.horizontal_flip, recipe.vertical_flip, recipe.crop) == (0.5, 0.5, 0, 0.5)
    assert (recipe.shift, recipe.scale, recipe.aspect) == (0.1, 0.1, 0.1)
    assert (recipe.crop_smallest, recipe.crop_largest) == (0.7, 0.9)
    assert (recipe.misregistration, recipe.pet_intensity) == (0, 0)


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"affine": 1.5}, "affine is 1.5"),
        ({"shift": -0.1}, "shift is -0.1"),
        ({"scale": 1.0}, "scale is 1"),
        ({"crop": float("nan")}, "crop is nan"),
        ({"misregistration_scale": 1.0}, "misregistration_scale is 1"),
        ({"pet_gain": 1.2}, "pet_gain is 1.2"),
        ({"crop_smallest": 0.0}, "crop_smallest is 0"),
        ({"crop_smallest": 0.95}, "crop_smallest is 0.95"),
    ],
)
def test_a_value_outside_its_range_is_named(wrong, named):
    with pytest.raises(UsageError, match=f"augmentation.{named}"):
        AugmentationRecipe(**wrong)
