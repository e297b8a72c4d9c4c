"""The sweep's choices in place of the rule of `cipa.ops.scan.cuda.plan`, for the parts that come after it."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cipa.ops.scan.cuda import launch, plan
from cipa.ops.scan.cuda.plan import BackwardLayout, Cut, Layout

VARIABLE = "SCAN_CUDA_CHOICES"
ONE_TYPE = 7
"""Numbers of a shape that tell choices apart: B, L, D, K, N and the bytes of two elements."""

Choice = tuple[Layout | BackwardLayout, Cut]


def key_of(way: str, shape: tuple[int, ...]) -> str:
    return " ".join([way, *map(str, shape[:ONE_TYPE])])


def apply() -> int:
    """Take the choices of the file that the environment names; return how many there are."""
    path = Path(os.environ.get(VARIABLE, ""))
    if not path.is_file():
        return 0
    kept = json.loads(path.read_text())
    found: dict[str, Choice] = {}
    for key, (layout, cut) in kept.items():
        kind = Layout if key.startswith("forward") else BackwardLayout
        found[key] = kind(*layout), Cut(*cut)
    launch.forward_plan = lambda *shape: found.get(key_of("forward", shape)) or plan.forward_plan(*shape)
    launch.backward_plan = lambda *shape: found.get(key_of("backward", shape)) or plan.backward_plan(*shape)
    return len(found)


def set_backend(name: str) -> None:
    """Force Triton's scan, or with "cuda" leave it to the dispatch, as users do."""
    os.environ.pop("CIPA_BACKEND", None)
    if name != "cuda":
        os.environ["CIPA_BACKEND"] = name


@contextmanager
def chosen(way: str, choice: Choice) -> Iterator[None]:
    """Have `launch` take one choice for every forward or backward scan."""
    name = f"{way}_plan"
    before = getattr(launch, name)
    setattr(launch, name, lambda *shape: choice)
    try:
        yield
    finally:
        setattr(launch, name, before)
