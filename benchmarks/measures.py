"""Measures of the sources: import circles, sizes, docstrings, types, comments, tests beside them.

    python -m benchmarks.measures                  this working tree
    python -m benchmarks.measures --against REV    beside a git revision
    python -m benchmarks.measures --markdown       as the table of docs/architecture.md

An import counts wherever it stands, inside a function (deferred) and under TYPE_CHECKING: a circle that is
hidden from Python is a circle for the reader. Every function counts, nested ones included.
"""

import argparse
import ast
import io
import statistics
import subprocess
import tarfile
import tempfile
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[1]
PRAGMAS = ("# noqa", "# type:", "# fmt", "# mypy", "# pyright")


@dataclass(frozen=True)
class Function:
    """One function: its name, its lines, and whether it is documented and says what it returns."""

    name: str
    lines: int
    documented: bool
    typed: bool

    @property
    def public(self) -> bool:
        """Whether its name begins with no underscore."""
        return not self.name.startswith("_")


@dataclass(frozen=True)
class Module:
    """One file: its lines, the lines with a comment on them, its functions and the modules it imports."""

    path: Path
    lines: int
    comments: int
    functions: tuple[Function, ...]
    imports: frozenset[str]


def read_modules(sources: Path) -> dict[str, Module]:
    """Return every module below the folder that holds the package, by its dotted name."""
    paths = {_name(path.relative_to(sources)): path for path in sorted(sources.rglob("*.py"))}
    return {name: _read(path, set(paths)) for name, path in paths.items()}


def find_circles(modules: dict[str, Module]) -> list[list[str]]:
    """Return the groups of modules that import one another, directly or through others (Tarjan, 1972)."""
    order: dict[str, int] = {}
    lowest: dict[str, int] = {}
    stack: list[str] = []
    circles: list[list[str]] = []

    def visit(name: str) -> None:
        order[name] = lowest[name] = len(order)
        stack.append(name)
        for other in sorted(modules[name].imports - {name}):
            if other not in order:
                visit(other)
            if other in stack:
                lowest[name] = min(lowest[name], lowest[other])
        if lowest[name] == order[name]:
            group = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(group) > 1:
                circles.append(sorted(group))

    for name in modules:
        if name not in order:
            visit(name)
    return circles


def measure(root: Path) -> dict[str, str]:
    """Return each measure of a checkout as text, by its name."""
    modules = read_modules(root / "src")
    functions = [function for module in modules.values() for function in module.functions]
    public = [function for function in functions if function.public]
    circles = find_circles(modules)
    lines = [module.lines for module in modules.values()]
    lengths = sorted(function.lines for function in functions)
    ops = [module for name, module in modules.items() if name.startswith("cipa.ops")]
    tests = sum(path.read_text().count("\n") for path in (root / "tests").rglob("*.py"))
    sizes = f" ({', '.join(str(len(circle)) for circle in circles)} modules)" if circles else ""
    return {
        "import circles": f"{len(circles)}{sizes}",
        "files": f"{len(lines)}",
        "source lines": f"{sum(lines):,}",
        "file, median and longest": f"{statistics.median(lines):.0f}, {max(lines)}",
        "function, 95th percentile and longest": f"{lengths[int(0.95 * len(lengths))]}, {lengths[-1]}",
        "public functions documented": _percent(sum(each.documented for each in public), len(public)),
        "functions that say what they return": _percent(
            sum(each.typed for each in functions), len(functions)
        ),
        "comments in ops": _percent(sum(each.comments for each in ops), sum(each.lines for each in ops)),
        "test lines a source line": f"{tests / sum(lines):.2f}",
    }


def _name(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _read(path: Path, known: set[str]) -> Module:
    text = path.read_text()
    tree = ast.parse(text)
    comments = (
        token.string
        for token in tokenize.generate_tokens(io.StringIO(text).readline)
        if token.type == tokenize.COMMENT and not token.string.startswith(PRAGMAS)
    )
    functions = tuple(
        Function(
            node.name,
            (node.end_lineno or node.lineno) - node.lineno + 1,
            ast.get_docstring(node) is not None,
            node.returns is not None,
        )
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    return Module(
        path, text.count("\n"), sum(1 for _ in comments), functions, frozenset(_imports(tree, known))
    )


def _imports(tree: ast.AST, known: set[str]) -> Iterator[str]:
    """Yield the package's own modules that a file names in its imports, wherever they stand."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield from [inner] if inner in known else {node.module} & known


def _percent(count: int, total: int) -> str:
    return f"{100 * count / max(1, total):.1f} %"


def _measure_revision(revision: str) -> dict[str, str]:
    archive = subprocess.run(
        ["git", "archive", revision, "src", "tests"], cwd=ROOT, capture_output=True, check=True
    ).stdout
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            files.extractall(folder, filter="data")
        return measure(Path(folder))


def main() -> None:
    """Print the table, beside a revision's where one is named."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.measures", description=__doc__.split("\n")[0])
    parser.add_argument("--against", metavar="REV", help="a git revision to stand beside")
    parser.add_argument("--markdown", action="store_true", help="print a Markdown table")
    arguments = parser.parse_args()
    columns = {arguments.against: _measure_revision(arguments.against)} if arguments.against else {}
    columns["now"] = measure(ROOT)
    rows = [(name, *(column[name] for column in columns.values())) for name in columns["now"]]
    if arguments.markdown:
        head = ("measure", *columns)
        lines = [head, ["---"] + ["--:"] * len(columns), *rows]
        print("\n".join(f"| {' | '.join(line)} |" for line in lines))
        return
    table = Table("measure", *columns)
    for row in rows:
        table.add_row(*row)
    Console().print(table)


if __name__ == "__main__":
    main()
