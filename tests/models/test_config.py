import pytest

from cipa.errors import UsageError
from cipa.models.config import VARIANTS, CIPAConfig


def test_published_variants_have_the_published_sizes():
    assert VARIANTS["tiny"][:3] == (96, (2, 2, 9, 2), 0.0)
    assert VARIANTS["small"][:3] == (96, (2, 2, 27, 2), 0.3)
    assert VARIANTS["base"][:3] == (128, (2, 2, 27, 2), 0.6)


def test_changes_win_over_the_variant():
    config = CIPAConfig.of_variant("small", drop_path=0.1, suv_max=15.0)
    assert (config.dim, config.drop_path, config.suv_max) == (96, 0.1, 15.0)


def test_widths_double_and_grids_halve():
    config = CIPAConfig.of_variant("tiny", image_size=256)
    assert config.widths == (96, 192, 384, 768)
    assert config.grids == (64, 32, 16, 8)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"variant": "huge"}, "tiny, small, base, nano"),
        ({"variant": "tiny", "image_size": 500}, "image_size 500"),
        ({"variant": "tiny", "image_size": 0}, "image_size 0"),
        ({"variant": "tiny", "num_classes": 0}, "num_classes 0"),
        ({"variant": "tiny", "threshold": 1.0}, "threshold 1.0"),
        ({"variant": "tiny", "shortest_mm": -1.0}, "shortest_mm -1.0"),
        ({"variant": "tiny", "suv_max": -1.0}, "suv_max -1.0"),
        ({"variant": "tiny", "ct_window": (200.0, -1200.0)}, "ct_window"),
        ({"variant": "tiny", "drop_path": 1.0}, "drop_path 1.0"),
        ({"variant": "tiny", "depths": (2, 2)}, "depths"),
        ({"variant": "tiny", "dimm": 3}, "'dimm'"),
    ],
)
def test_a_wrong_setting_is_named(settings, named):
    with pytest.raises(UsageError, match=named):
        CIPAConfig.of_variant(**settings)
