"""Which tests run here: a GPU's where there is one, those of Triton's interpreter in their own process."""

import os
import re

import pytest
import torch
import typeguard
from typeguard import ForwardRefPolicy, TypeguardFinder, install_import_hook

INTERPRETING = os.environ.get("TRITON_INTERPRET") == "1"


COMPILED = re.compile(r"triton|ops\.scan\.cpu\.(forward|backward|functions|simd)$")
"""Modules whose functions Numba or Triton compiles: their values are none of Python's."""


class PythonModules(TypeguardFinder):
    """Instruments what Python runs itself."""

    def should_instrument(self, module_name):
        return super().should_instrument(module_name) and not COMPILED.search(module_name)


def pytest_addoption(parser):
    parser.addoption(
        "--check-types",
        action="store_true",
        help="check arguments, return values and assignments of cipa against their annotations",
    )


def pytest_configure(config):
    """Put the type checker in the way of every import of cipa, none of which has happened yet."""
    if config.getoption("--check-types"):
        install_import_hook("cipa", cls=PythonModules)
        typeguard.config.forward_ref_policy = ForwardRefPolicy.IGNORE  # names under TYPE_CHECKING


def pytest_collection_modifyitems(config, items):
    """Keep the interpreter's tests for its process, which runs nothing else; skip a GPU's without one."""
    own = [item for item in items if _belongs_here(item)]
    config.hook.pytest_deselected(items=[item for item in items if not _belongs_here(item)])
    # The minute of the interpreter's process comes first: last, one worker would wait for the other.
    items[:] = sorted(own, key=lambda item: item.path.name != "test_interpreter.py")
    if config.getoption("--check-types"):
        for item in items:
            if item.get_closest_marker("mistyped"):
                item.add_marker(pytest.mark.skip(reason="gives values of a wrong type on purpose"))
    if INTERPRETING or torch.cuda.is_available():
        return
    for item in items:
        if item.get_closest_marker("gpu"):
            item.add_marker(pytest.mark.skip(reason="needs a CUDA device"))


@pytest.fixture(autouse=True)
def _remembered_sources(tmp_path_factory, monkeypatch):
    """Keep where studies lie out of the cache of whoever runs the tests."""
    monkeypatch.setenv("CIPA_SOURCES", str(tmp_path_factory.getbasetemp() / "sources"))


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
