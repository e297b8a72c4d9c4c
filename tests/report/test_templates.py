"""Pages from templates that may not be there."""

import pytest

from cipa.errors import DataError
from cipa.report.templates import render


def test_an_installation_without_a_template_says_how_to_get_it():
    with pytest.raises(
        DataError, match=r"absent.html.j2: this template of the package is not there; install it"
    ):
        render("absent.html.j2")
