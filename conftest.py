"""Which tests run here: a GPU's where there is one, those of Triton's interpreter in their own process."""

import os

import pytest
import torch

INTERPRETING = os.environ.get("TRITON_INTERPRET") == "1"


def pytest_collection_modifyitems(config, items):
    """Keep the interpreter's tests for its process, which runs nothing else; skip a GPU's without one."""
    own = [item for item in items if _belongs_here(item)]
    config.hook.pytest_deselected(items=[item for item in items if not _belongs_here(item)])
    items[:] = own
    if INTERPRETING or torch.cuda.is_available():
        return
    for item in items:
        if item.get_closest_marker("gpu"):
            item.add_marker(pytest.mark.skip(reason="needs a CUDA device"))


@pytest.fixture(autouse=True)
def _forget_patients():
    """Lines of one test are not scrubbed of the names in another's headers."""
    yield
    from cipa import privacy

    privacy.forget()


def _belongs_here(item):
    """A test of both markers runs on either; `test_interpreter.py` starts the process of the interpreter."""
    interpreted = item.get_closest_marker("interpreter") is not None
    return interpreted if INTERPRETING else not interpreted or item.get_closest_marker("gpu") is not None
