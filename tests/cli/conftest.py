"""Commands that fail as a test wants them to."""

import pytest

from cipa.cli import main as command


@pytest.fixture
def failing(monkeypatch):
    """Make a command raise what the test gives it."""

    def install(error):
        def fail(verb, words):
            raise error

        monkeypatch.setattr(command, "_run_verb", fail)

    return install
