"""Ways of damaging bytes, JSON, YAML and CSV, all from one random generator."""

import json
import random
import struct
from collections.abc import Callable
from typing import Any

INTEGERS = (0, 1, -1, 127, 255, 256, 32767, 65535, 2**31 - 1, -(2**31), 2**32 - 1, 2**63 - 1)
CONTROL = "a\0b\n\x1b[31mred\x1b[0m\u202e\x7f"

VALUES: tuple[Any, ...] = (
    *(None, True, False, "", "x", CONTROL, "=1+1", "../../x", "9" * 5000, "é" * 300, [], {}, [[]], {"": {}}),
    *(0, -1, 1, 2, 3.5, 1e308, -1e308, 1e-320, 10**9, 10**30, 10**400, 128, 512),
    *(
        [None],
        ["x"],
        [1, 2],
        [1e9] * 3,
        [0, 0, 0],
        [-1, -1, -1],
        [[1, 2], [3]],
        {"a": 1},
        {"spacing_mm": [1]},
    ),
)
TOKENS = ("NaN", "Infinity", "-Infinity", "1e999", "[" * 3000, '{"a":' * 3000, "9" * 6000, '"\\ud800"')
YAML_VALUES = (
    *("!!float x", "!!int 'x'", "!!timestamp x", "!!python/object/apply:os.system [x]", "&a [*a, *a]", "*a"),
    *("null", "~", ".inf", ".nan", "[", "{", "{a: 1}", "[1, 2, 3]", "'\\x00'", "\t", "<<: 1", "-1", "1e400"),
    *(
        "0x7fffffffffffffff",
        "yes",
        "2001-01-01",
        "x" * 3000,
        "[" * 2000,
        "? a",
        "|",
        "%YAML 9.9",
        '"\\u001b[31m"',
    ),
)


def damage_bytes(draw: random.Random, content: bytes) -> bytes:
    """Return bytes with one to four of: flips, extreme numbers, cuts, copies, insertions, zeroed runs."""
    data = bytearray(content)
    for _ in range(draw.choice((1, 1, 1, 2, 4))):
        if not data:
            break
        draw.choice(_BYTES)(draw, data)
    return bytes(data)


def damage_text(draw: random.Random, content: str) -> bytes:
    """Return a text as bytes, with a line dropped, doubled or replaced, or its bytes damaged."""
    lines = content.splitlines(keepends=True) or [""]
    place = draw.randrange(len(lines))
    how = draw.randrange(5)
    if how == 0:
        del lines[place]
    elif how == 1:
        lines.insert(place, lines[place])
    elif how == 2:
        lines[place] = draw.choice((CONTROL, "\0", "=1+1", "x" * 5000, "\ufeff", '"', "-" * 40)) + "\n"
    elif how == 3:
        return draw.choice((b"\xff\xfe", b"\xef\xbb\xbf", b"\x00")) + content.encode()
    else:
        return damage_bytes(draw, content.encode())
    return "".join(lines).encode("utf-8", "surrogatepass")


def damage_json(draw: random.Random, content: str) -> bytes:
    """Return JSON with a value, a key or the text of a value replaced, or its bytes damaged."""
    how = draw.randrange(6)
    if how == 0:
        return damage_bytes(draw, content.encode())
    document = json.loads(content)
    places = list(_places(document))
    holder, key = draw.choice(places)
    if how == 1:
        del holder[key]
    elif how == 2:
        holder[key] = "FUZZ"
        return json.dumps(document).replace('"FUZZ"', draw.choice(TOKENS)).encode()
    elif how == 3 and isinstance(holder, dict):
        holder[draw.choice(("", CONTROL, "x", "variant", "9" * 400))] = holder.pop(key)
    else:
        holder[key] = draw.choice(VALUES)
    if draw.random() < 0.02:
        document = draw.choice(VALUES)
    return json.dumps(document, ensure_ascii=draw.random() < 0.5).encode("utf-8", "surrogatepass")


def damage_yaml(draw: random.Random, content: str) -> bytes:
    """Return YAML with the value of a line replaced, or its text damaged."""
    if draw.random() < 0.3:
        return damage_text(draw, content)
    lines = content.splitlines()
    place = draw.randrange(len(lines))
    key = lines[place].partition(":")[0]
    lines[place] = f"{key}: {draw.choice(YAML_VALUES)}"
    return "\n".join(lines).encode()


def damage_csv(draw: random.Random, content: str) -> bytes:
    """Return a table with a cell or a column's name replaced, or its text damaged."""
    if draw.random() < 0.4:
        return damage_text(draw, content)
    rows = [line.split(",") for line in content.splitlines()]
    row = draw.choice(rows)
    cells = (
        "",
        "nan",
        "inf",
        "-1",
        "1e400",
        "x",
        "=1",
        "1.5",
        "9" * 400,
        '"',
        '"a\nb"',
        "\0",
        "\x1b[31m",
        "\ud800",
    )
    row[draw.randrange(len(row))] = draw.choice(cells)
    return "\n".join(map(",".join, rows)).encode("utf-8", "surrogatepass")


def _places(document: Any) -> list[tuple[Any, Any]]:
    found: list[tuple[Any, Any]] = []
    items = document.items() if isinstance(document, dict) else enumerate(document)
    for key, value in list(items):
        found.append((document, key))
        if isinstance(value, dict | list):
            found += _places(value)
    return found


def _flip(draw: random.Random, data: bytearray) -> None:
    data[draw.randrange(len(data))] ^= 1 << draw.randrange(8)


def _replace(draw: random.Random, data: bytearray) -> None:
    data[draw.randrange(len(data))] = draw.choice((0, 1, 0x7F, 0x80, 0xFF, 0x1B, 0x0A, draw.randrange(256)))


def _number(draw: random.Random, data: bytearray) -> None:
    code = draw.choice("hiqHIQfd")
    value = draw.choice((*INTEGERS, float("inf"), float("nan"), -1e30))
    size = struct.calcsize(code)
    if code in "fd":
        packed = struct.pack(
            draw.choice("<>") + code, min(max(value, -1e30), 1e30) if value == value else value
        )
    else:
        whole = 0 if isinstance(value, float) else value
        packed = (whole % 2 ** (8 * size)).to_bytes(size, draw.choice(("little", "big")))
    place = draw.randrange(len(data))
    data[place : place + size] = packed


def _cut(draw: random.Random, data: bytearray) -> None:
    del data[draw.randrange(len(data)) :]


def _remove(draw: random.Random, data: bytearray) -> None:
    place = draw.randrange(len(data))
    del data[place : place + draw.choice((1, 2, 4, 64))]


def _insert(draw: random.Random, data: bytearray) -> None:
    place = draw.randrange(len(data) + 1)
    data[place:place] = draw.randbytes(draw.choice((1, 2, 4, 100)))


def _copy(draw: random.Random, data: bytearray) -> None:
    one, other, length = draw.randrange(len(data)), draw.randrange(len(data)), draw.choice((2, 8, 64))
    data[one : one + length] = data[other : other + length]


def _zero(draw: random.Random, data: bytearray) -> None:
    place, length = draw.randrange(len(data)), draw.choice((4, 16, 256))
    data[place : place + length] = bytes([draw.choice((0, 255))]) * len(data[place : place + length])


def _append(draw: random.Random, data: bytearray) -> None:
    data += (
        draw.randbytes(draw.choice((1, 500))) if draw.random() < 0.5 else bytes(draw.choice((10, 100_000)))
    )


def _head(draw: random.Random, data: bytearray) -> None:
    data[draw.randrange(min(len(data), 512))] = draw.randrange(256)


_BYTES: tuple[Callable[[random.Random, bytearray], None], ...] = (
    *(_flip, _flip, _replace, _replace, _head, _head, _number, _number),
    *(_cut, _remove, _insert, _copy, _zero, _append),
)
