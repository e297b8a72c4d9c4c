"""The training recipe as flags: one a field, with the field's type, default and docstring.

A field `image_size` is the flag `--image-size` and the YAML key `image_size`; the augmentation's fields keep
their group's name in front, as in YAML.
"""

import re
from argparse import SUPPRESS, ArgumentParser, BooleanOptionalAction, Namespace, _ArgumentGroup
from collections.abc import Callable, Iterator
from dataclasses import Field, fields, replace
from functools import wraps
from typing import Any, Literal, get_args, get_origin, get_type_hints

from cipa.cli.help_format import format_default
from cipa.training.recipe import TrainRecipe

METAVARS: dict[str, str | tuple[str, str]] = {
    "model": "NAME",
    "init": "FILE",
    "weights": "PATH",
    "ct_window": ("LOW", "HIGH"),
    "suv_max": "SUV",
    "betas": ("FIRST", "SECOND"),
}
"""What stands for the value in `--help`, where it is neither a choice nor just a number."""

PREFIXED = "augmentation"


def add_recipe_flags(parser: ArgumentParser) -> None:
    """Add every field of `TrainRecipe`, one help section a group; a flag that is not given sets nothing."""
    default = TrainRecipe()
    for group in fields(default):
        recipe = getattr(default, group.name)
        section = parser.add_argument_group(_heading(type(recipe)))
        hints, explained = get_type_hints(type(recipe)), _read_explanations(type(recipe))
        for item in fields(recipe):
            _add_flag(section, group.name, item, hints[item.name], explained[item.name])


def with_flags(recipe: TrainRecipe, arguments: Namespace) -> TrainRecipe:
    """Return `recipe` with what the command line gives in place of its own.

    Raises:
        UsageError: a value is out of its range.
    """
    given = vars(arguments)
    changes = {}
    for group in fields(recipe):
        mine = getattr(recipe, group.name)
        values = {
            item.name: _value(given[key])
            for item in fields(mine)
            if (key := _key(group.name, item.name)) in given
        }
        changes[group.name] = replace(mine, **values)
    return replace(recipe, **changes)


def _all_fields() -> Iterator[tuple[str, str]]:
    default = TrainRecipe()
    for group in fields(default):
        for item in fields(getattr(default, group.name)):
            yield group.name, item.name


def _add_flag(section: _ArgumentGroup, group: str, item: Field[Any], hint: Any, text: str) -> None:
    key = _key(group, item.name)
    options: dict[str, Any] = {"dest": key, "default": SUPPRESS, "help": _help(text, item.default)}
    optional = type(None) in get_args(hint)
    if optional:
        hint = next(kind for kind in get_args(hint) if kind is not type(None))
    if hint is bool:
        options["action"] = BooleanOptionalAction
    elif get_origin(hint) is Literal:
        choices = get_args(hint)
        options |= {"choices": choices, "type": type(choices[0])}
    elif get_origin(hint) is tuple:
        options |= {"type": float, "nargs": len(get_args(hint)), "metavar": METAVARS[item.name]}
    else:
        metavar = METAVARS.get(item.name, "N" if hint is int else "X")
        options |= {"type": _or_none(hint) if optional else hint, "metavar": metavar}
    section.add_argument("--" + key.replace("_", "-"), **options)


def _or_none(kind: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return a type that takes the word `none` as well: what a field is by default can be asked for."""

    @wraps(kind, updated=())
    def read(text: str) -> Any:
        """Read a value, or `none`."""
        return None if text == "none" else kind(text)

    return read


def _key(group: str, name: str) -> str:
    return f"{group}.{name}" if group == PREFIXED else name


def _value(given: Any) -> Any:
    return tuple(given) if isinstance(given, list) else given


def _help(text: str, default: Any) -> str:
    """Return a field's explanation in the words of the command line."""
    flags = {name for _, name in _all_fields() if "_" in name}
    text = re.sub(r"\b[a-z]\w*_\w+", lambda found: _flag(found[0]) if found[0] in flags else found[0], text)
    text = re.sub(r"\bnull\b", "none", text).rstrip(".").replace("%", "%%")
    return text if default is None else f"{text} (default: {format_default(default)})"


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _heading(recipe: type) -> str:
    heading = (recipe.__doc__ or "").splitlines()[0].rstrip(".")
    return heading[0].lower() + heading[1:]


def _read_explanations(recipe: type) -> dict[str, str]:
    """Return what a docstring says of each attribute."""
    from docstring_parser import DocstringStyle, parse

    found = parse(recipe.__doc__ or "", DocstringStyle.GOOGLE).params
    return {one.arg_name: " ".join((one.description or "").split()) for one in found}
