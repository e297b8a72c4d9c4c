"""Pages from the templates beside this file: whatever headers, names and paths hold is escaped."""

import base64
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template, TemplateNotFound

from cipa.errors import DataError


def render(template: str, **values: Any) -> str:
    """Return a page as HTML.

    Args:
        template: name of a file in `templates/`.
        values: what the template names; a missing one is an error.

    Raises:
        DataError: the package was installed without its templates.
    """
    return _find(template).render(**values)


def _find(template: str) -> Template:
    try:
        return _environment().get_template(template)
    except (TemplateNotFound, ValueError) as error:  # ValueError: their folder is not there
        raise DataError(
            f"{template}: this template of the package is not there; install it again (pip install "
            "--force-reinstall cipa)"
        ) from error


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("cipa.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["data_url"] = data_url
    environment.filters["or_dash"] = or_dash
    environment.filters["span"] = span
    return environment


def data_url(picture: Path) -> str:
    """Return a PNG as a data URL; nothing in it needs to be escaped, and looking would take long."""
    return "data:image/png;base64," + base64.b64encode(picture.read_bytes()).decode("ascii")


def or_dash(value: float | None) -> str:
    """Return a number with one digit, a dash where there is none."""
    return "–" if value is None else f"{value:.1f}"


def span(ends: tuple[float, float] | None, between: str = "–") -> str:
    """Return "5–9", "5" where both ends are one, a dash where there are none."""
    if ends is None:
        return "–"
    first, last = (f"{end:.0f}" for end in ends)
    return first if first == last else f"{first}{between}{last}"
