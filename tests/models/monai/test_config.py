import pytest

from cipa.errors import UsageError
from cipa.models.monai.config import BaselineConfig, planned_levels


@pytest.mark.parametrize(("size", "levels"), [(128, 6), (256, 7), (384, 7), (512, 8), (640, 8)])
def test_dynunet_is_as_deep_as_nnunet_plans_for_the_size(size, levels):
    """512 halved seven times is 4; 640 halved seven times is 5, which is odd."""
    assert planned_levels(size) == levels
    assert BaselineConfig.of_variant("dynunet", image_size=size).levels == levels


def test_channels_double_and_nnunet_stops_at_512():
    assert BaselineConfig.of_variant("unet").channels == (64, 128, 256, 512, 1024)
    assert BaselineConfig.of_variant("dynunet").channels == (32, 64, 128, 256, 512, 512, 512, 512)


@pytest.mark.parametrize(
    ("variant", "settings", "named"),
    [
        ("unet", {"width": 0}, "width 0"),
        ("unet", {"levels": 2}, "levels 2"),
        ("unet", {"crm": False}, "'crm' is no setting of unet"),
        ("unet", {"image_size": 100}, "image_size 100"),
        ("dynunet", {"levels": 8, "image_size": 128}, "image_size 128: too small for 8 levels"),
        ("swin-unetr", {"width": 32}, "multiples of 12"),
        ("swin-unetr", {"levels": 5}, "swin-unetr has 6"),
        ("vnet", {}, "must be one of unet, attention-unet, dynunet, swin-unetr"),
    ],
)
def test_a_wrong_setting_is_named(variant, settings, named):
    with pytest.raises(UsageError, match=named):
        BaselineConfig.of_variant(variant, **settings)
