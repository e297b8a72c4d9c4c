"""List what `pip install cipa` brings: version, licence, size, and what asks for it.

    python -m release.dependencies            # print the page
    python -m release.dependencies --write    # docs/dependencies.md

It reads the packages of the environment it runs in and asks no network.
"""

import argparse
import platform
import re
import tomllib
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "dependencies.md"
ALLOWED = 18
"""Packages besides PyTorch and its own that the project set out to need at most."""

HEAD = """# What `pip install cipa` brings

Made by `make dependencies` from an environment with PyTorch's CPU build, Python {python}, Linux x86-64; the
build for NVIDIA GPUs adds NVIDIA's libraries and Triton (4 GB). Sizes are of the installed files. Extras
(`onnx`, `baselines`, ...) are not counted.

**{total} packages, {size:.0f} MB. PyTorch and the {torch} that it brings are {torch_size:.0f} MB of them.
Without these, this project names {direct} packages, and they bring {others} more: {own} in all,
{own_size:.0f} MB.** Of those named, {shared} would come without being named, but what is imported is named:
{names}.

The aim was {allowed} packages beside PyTorch. It holds for those named; with what they bring it does not.
Most of these come with two: accelerate brings {accelerate} that nothing else asks for, through
huggingface-hub, and matplotlib {matplotlib}.

Known vulnerabilities: `make release-check` asks pip-audit. It was **not run** where this page was made:
neither PyPI's data of vulnerabilities nor OSV's could be reached from there.

| package | version | licence | MB | asked for by |
|---|---|---|---|---|
"""


def closure(root: str) -> dict[str, set[str]]:
    """Return every package that `root` needs, by canonical name, with those that ask for it."""
    found: dict[str, set[str]] = {}
    left = [(requirement, root) for requirement in requirements(root, set())]
    while left:
        requirement, parent = left.pop()
        name = canonicalize_name(requirement.name)
        known = name in found
        found.setdefault(name, set()).add(parent)
        if not known:
            left += [(needed, name) for needed in requirements(name, requirement.extras)]
    return found


def alone(name: str, everything: dict[str, set[str]]) -> set[str]:
    """Return the packages that would not come if one that `cipa` names did not, itself left out."""
    lost = {name}
    while True:
        more = {one for one, askers in everything.items() if askers <= lost} - lost
        if not more:
            return lost - {name}
        lost |= more


def requirements(name: str, extras: set[str]) -> list[Requirement]:
    """Return what a package needs here, with the extras asked for; of this project by pyproject.toml."""
    if name == "cipa":
        project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        texts = project["dependencies"]
    else:
        texts = metadata.requires(name) or []
    parsed = [Requirement(text) for text in texts]
    chosen = [{"extra": ""}, *({"extra": extra} for extra in extras)]
    return [one for one in parsed if one.marker is None or any(map(one.marker.evaluate, chosen))]


def licence(name: str) -> str:
    """Return a package's licence in a few words: its expression, else its classifier, else its field."""
    about = metadata.metadata(name)
    expression = about.get("License-Expression")
    if expression:
        return expression
    classes = [
        text.split("::")[-1].strip() for text in about.get_all("Classifier", []) if text.startswith("License")
    ]
    kinds = [kind for kind in classes if kind != "OSI Approved"]
    text = ", ".join(kinds) or (about.get("License") or "not stated").strip().splitlines()[0]
    return re.sub(r"\s+", " ", text)[:60]


def megabytes(name: str) -> float:
    """Return the size of a package's installed files."""
    files = metadata.files(name) or []
    paths = (Path(str(file.locate())) for file in files)
    return sum(path.stat().st_size for path in paths if path.is_file()) / 1e6


def page() -> str:
    """Return the page as Markdown."""
    everything = closure("cipa")
    named = {canonicalize_name(one.name) for one in requirements("cipa", set())} - {"torch"}
    torch = set(closure("torch"))
    own = set(everything) - torch - {"torch"} | named
    shared = sorted(name for name in named if everything[name] - {"cipa", name})
    rows = []
    for name in sorted(everything, key=lambda name: (name not in own, name)):
        askers = ["cipa"] * ("cipa" in everything[name]) + sorted(everything[name] - {"cipa", name})
        size = f"{megabytes(name):.1f}"
        rows.append(f"| {name} | {metadata.version(name)} | {licence(name)} | {size} | {', '.join(askers)} |")
    head = HEAD.format(
        python=".".join(platform.python_version_tuple()[:2]),
        total=len(everything),
        size=sum(map(megabytes, everything)),
        torch=len(torch - named),
        torch_size=sum(map(megabytes, torch - named | {"torch"})),
        direct=len(named),
        others=len(own - named),
        shared=len(shared),
        names=", ".join(shared),
        own=len(own),
        own_size=sum(map(megabytes, own)),
        allowed=ALLOWED,
        accelerate=len(alone("accelerate", everything)),
        matplotlib=len(alone("matplotlib", everything)),
    )
    return head + "\n".join(rows) + "\n"


def main() -> None:
    """Print the page, or write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write {PAGE}")
    if parser.parse_args().write:
        PAGE.write_text(page(), encoding="utf-8")
    else:
        print(page(), end="")


if __name__ == "__main__":
    main()
