"""A recipe as YAML and as command-line flags: one definition of both, by jsonargparse."""

from dataclasses import fields
from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser, Namespace

from cipa.errors import DataError, UsageError
from cipa.files import atomic_file
from cipa.readers import check_yaml, excerpt
from cipa.training.recipe import TrainRecipe
from cipa.version import __version__

FLAT = ("network", "optimisation", "validation", "running")
"""Groups whose fields are flags of their own; augmentation's keep their group's name in front."""


def add_recipe(parser: ArgumentParser) -> None:
    """Add every field of `TrainRecipe` to `parser`, one help section a group."""
    default = TrainRecipe()
    for group in FLAT:
        parser.add_class_arguments(type(getattr(default, group)))
    parser.add_class_arguments(type(default.augmentation), "augmentation")


def recipe_from(arguments: Namespace) -> TrainRecipe:
    """Build the recipe from what a parser with `add_recipe` returned.

    Raises:
        UsageError: a value is out of its range.
    """
    default = TrainRecipe()
    groups: dict[str, Any] = {}
    for group in FLAT:
        values = getattr(default, group)
        groups[group] = _group(values, {item.name: arguments.get(item.name) for item, _ in _items(values)})
    augmentation = arguments.get("augmentation")
    if not isinstance(augmentation, Namespace):
        raise UsageError(
            f"--augmentation {excerpt(augmentation)} is not possible: it must be a group of settings"
        )
    groups["augmentation"] = _group(default.augmentation, augmentation.as_dict())
    return TrainRecipe(**groups)


def _group(default: Any, values: dict[str, Any]) -> Any:
    """Build a group of settings; null stands only for a setting whose default is none.

    Raises:
        UsageError: a value is null or out of its range.
    """
    for item, usual in _items(default):
        if values.get(item.name) is None and usual is not None and "None" not in str(item.type):
            raise UsageError(f"--{item.name} null is not possible: give a value, such as the default {usual}")
    return type(default)(**values)


def write_recipe(recipe: TrainRecipe, path: Path) -> None:
    """Write `recipe` as YAML that `cipa train --config` takes.

    Raises:
        OSError: the file cannot be written.
    """
    head = f"# cipa {__version__}: cipa train DATA -o RUN --config {path.name}\n"
    with atomic_file(path) as partial:
        partial.write_text(head + recipe_text(recipe), encoding="utf-8")


def recipe_text(recipe: TrainRecipe) -> str:
    """Return `recipe` as YAML."""
    flat = {item.name: value for group in FLAT for item, value in _items(getattr(recipe, group))}
    augmentation = {item.name: value for item, value in _items(recipe.augmentation)}
    return str(_parser().dump(Namespace(**flat, augmentation=Namespace(**augmentation))))


def read_recipe(path: Path) -> TrainRecipe:
    """Read what `write_recipe` wrote.

    Raises:
        DataError: the file is missing or is not such a recipe.
    """
    if not path.exists():
        raise DataError(f"{path} is missing: is this the folder of a training run?")
    way_out = "restore it or start a new run"
    content = check_yaml(path, way_out)
    try:
        return recipe_from(_parser().parse_string(content))
    except OSError:
        raise
    except Exception as error:  # PyYAML's constructors and jsonargparse fail in ways of their own
        raise DataError(f"{path} is not a training recipe ({excerpt(error, 200)}): {way_out}") from error


def _parser() -> ArgumentParser:
    parser = ArgumentParser(exit_on_error=False)
    add_recipe(parser)
    return parser


def _items(group: Any) -> list[tuple[Any, Any]]:
    return [(item, getattr(group, item.name)) for item in fields(group)]
