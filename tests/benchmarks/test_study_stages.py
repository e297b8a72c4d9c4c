from importlib import import_module

import pytest
from benchmarks.study_stages import STAGES


@pytest.mark.parametrize("stage", STAGES)
def test_every_timed_stage_is_a_function_of_the_package(stage):
    module, name = STAGES[stage].rsplit(".", 1)
    assert callable(getattr(import_module(module), name))
