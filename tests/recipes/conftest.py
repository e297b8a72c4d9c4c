import sys
from pathlib import Path

import pytest

RECIPES = Path(__file__).parents[2] / "recipes"


@pytest.fixture(autouse=True)
def recipes(monkeypatch):
    """Import from recipes/ as its scripts do."""
    monkeypatch.syspath_prepend(str(RECIPES))
    yield RECIPES
    for name in ("held_out", "held_scores", "model_card", "nano_phantom", "packing", "phantom_sets"):
        sys.modules.pop(name, None)
