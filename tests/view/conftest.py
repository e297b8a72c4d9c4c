"""A study, its result and a client of the server."""

import shutil

import pytest

from cipa.io.location_cache import remember_location
from cipa.io.studies import find_studies
from studies import write_study
from view_client import Client, make_result


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """A folder with a study and its result without DICOM objects, of which tests get copies."""
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CIPA_SOURCES", "")
        make_result(write_study(folder / "study"), folder / "result", objects=())
    return folder


@pytest.fixture
def study(made, tmp_path):
    return shutil.copytree(made / "study", tmp_path / "study")


@pytest.fixture
def result(made, tmp_path):
    """A result whose study lies where it was made, and is found there."""
    remember_location(find_studies(made / "study")[0])
    return shutil.copytree(made / "result", tmp_path / "result")


@pytest.fixture
def client(result):
    return Client(result)
