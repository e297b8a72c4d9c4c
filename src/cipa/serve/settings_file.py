"""Settings as YAML: read with every mistake named, and printed with what each line means."""

import types
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from cipa.errors import UsageError
from cipa.readers import check_yaml, excerpt, is_number, read_or_refuse
from cipa.serve.settings import Destination, Peer, Settings, Web
from cipa.suggest import suggestion
from cipa.text import printable

WAY_OUT = "cipa serve --print-config shows every setting"

EXAMPLES: dict[str, tuple[Any, ...]] = {
    "destinations": (Destination("pacs", "pacs.example.org", 104, "PACS"),),
    "web": (Web("archive", "https://pacs.example.org/dicom-web", query={"ModalitiesInStudy": "PT"}),),
    "peers": (Peer("SCANNER", "scanner.example.org", 104),),
}
"""What the empty lists could hold, printed as comments."""


def read_settings(path: Path) -> Settings:
    """Read a YAML file of settings; what is not in it has its default.

    Raises:
        DataError: no regular file, or not YAML.
        UsageError: a setting is unknown, of a wrong kind or out of its range..
    """
    import yaml

    content = check_yaml(path, WAY_OUT)
    found = read_or_refuse(path, "YAML", WAY_OUT, lambda: yaml.load(content, _strict_loader()))
    try:
        settings = _build(Settings, {} if found is None else found, "")
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error
    return settings


def settings_text(settings: Settings | None = None) -> str:
    """Return settings as YAML, each with what it means; the defaults where none are given."""
    settings = settings or Settings()
    head = "# cipa serve --config FILE: every setting with its default; leave out what is to stay."
    return "\n".join([head, *_lines(settings, 0)]) + "\n"


def _build(kind: Any, found: Any, where: str) -> Any:
    if not isinstance(found, Mapping):
        raise UsageError(
            f"{where.rstrip('.') or 'settings'}: {excerpt(found)}; give names with values; {WAY_OUT}"
        )
    types_of, known = get_type_hints(kind), {one.name: one for one in fields(kind)}
    for name in found:
        if name not in known:
            guess = suggestion(str(name), known) or f"; {WAY_OUT}"
            raise UsageError(f"{where}{printable(name)}: no such setting{guess}")
    for name, one in known.items():
        if name not in found and one.default is MISSING and one.default_factory is MISSING:
            raise UsageError(f"{where}{name}: missing; give it")
    values = {name: _convert(types_of[name], value, f"{where}{name}") for name, value in found.items()}
    return kind(**values)


def _convert(kind: Any, value: Any, where: str) -> Any:
    """Return a value of a type, or refuse it; whole numbers do for floats, and nothing else is converted."""
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        if value is None:
            return None
        return _convert(next(one for one in inner if one is not type(None)), value, where)
    if is_dataclass(kind):
        return _build(kind, {} if value is None else value, f"{where}.")
    if origin is tuple:
        if not isinstance(value, list):
            raise UsageError(f"{where}: {excerpt(value)}; give a list, such as [{excerpt(value)}]")
        return tuple(_convert(inner[0], one, f"{where}[{index}]") for index, one in enumerate(value))
    if origin is dict:
        if not isinstance(value, Mapping):
            raise UsageError(f"{where}: {excerpt(value)}; give names with values")
        return {str(name): str(one) for name, one in value.items()}
    if origin is Literal:
        if value not in inner:
            guess = suggestion(str(value), map(str, inner))
            raise UsageError(f"{where}: {excerpt(value)}{guess or '; choose ' + ', '.join(map(str, inner))}")
        return value
    if kind is float and is_number(value):
        return float(value)
    if type(value) is kind and kind is not float:
        return value
    names = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
    raise UsageError(f"{where}: {'null' if value is None else excerpt(value)}; give {names[kind]}")


def _lines(group: Any, depth: int) -> list[str]:
    """Return the lines of a group of settings, each below its comment."""
    indent, meanings = "  " * depth, _meanings(type(group))
    lines: list[str] = []
    for one in fields(group):
        value = getattr(group, one.name)
        if is_dataclass(value):
            head = (type(value).__doc__ or "").split("\n")[0]
            lines += ["", f"{indent}# {head}", f"{indent}{one.name}:", *_lines(value, depth + 1)]
            continue
        lines += [f"{indent}# {meanings[one.name]}"] if one.name in meanings else []
        lines += _value_lines(one, value, indent)
    return lines


def _value_lines(one: Field[Any], value: Any, indent: str) -> list[str]:
    if one.name not in EXAMPLES:
        return [f"{indent}{one.name}: {_scalar(value)}"]
    if not value:
        return [f"{indent}{one.name}: []", *_items(EXAMPLES[one.name], f"{indent}# ")]
    return [f"{indent}{one.name}:", *_items(value, indent)]


def _items(items: tuple[Any, ...], indent: str) -> list[str]:
    lines = []
    for item in items:
        head = "- "
        meanings = _meanings(type(item))
        for one in fields(item):
            text = f"{one.name}: {_scalar(getattr(item, one.name))}"
            lines.append(f"{indent}{head}{text}  # {meanings[one.name]}")
            head = "  "
    return lines


def _scalar(value: Any) -> str:
    """Return a value as YAML in one line."""
    import yaml

    plain = list(value) if isinstance(value, tuple) else value
    text = yaml.safe_dump(plain, default_flow_style=True, width=10_000).strip()
    return text.removesuffix("\n...").strip()


def _meanings(kind: type) -> dict[str, str]:
    from docstring_parser import parse

    return {
        one.arg_name: " ".join((one.description or "").split()) for one in parse(kind.__doc__ or "").params
    }


def _strict_loader() -> Any:
    """Return a loader of plain YAML that refuses a name given twice, of which YAML's own takes the last."""
    import yaml

    class Strict(yaml.SafeLoader):
        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
            """Return a mapping."""
            names = [self.construct_object(key, deep=True) for key, _ in node.value]
            for name in names:
                if names.count(name) > 1:
                    raise ValueError(f"line {node.start_mark.line + 1}: {excerpt(name)} is given twice")
            return dict(super().construct_mapping(node, deep))

    return Strict
