"""Build the wheel and the source archive, and check all that can be checked before they are published.

    make release-check      # or: python -m release.check

1. Both are built twice: the bytes must be the same.
2. twine and check-wheel-contents read them.
3. The wheel is installed in two empty environments, with the oldest direct dependencies that pyproject.toml
   allows and with the newest of all; each segments a phantom study from DICOM to a report (`cipa demo`).
4. pip-audit looks up the newest ones for known vulnerabilities.

Takes ten minutes and 15 GB of disk for two builds of PyTorch. --quick leaves out 3 and 4.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
RESOLUTIONS = {"oldest": "lowest-direct", "newest": "highest"}


def run(*words: str | Path, cwd: Path = ROOT, **variables: str) -> None:
    """Run a command and show it; what fails ends the check."""
    print("$", *words, flush=True)
    subprocess.run(list(map(str, words)), cwd=cwd, env=os.environ | variables, check=True)


def built(folder: Path) -> dict[str, str]:
    """Build wheel and source archive as of the last commit; return SHA-256 by name of file."""
    command = ["git", "log", "-1", "--format=%ct"]
    epoch = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    run(sys.executable, "-m", "hatchling", "build", "-d", folder, SOURCE_DATE_EPOCH=epoch)
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def check_files(folder: Path) -> Path:
    """Build twice, compare and read; return the wheel."""
    first, second = built(folder / "first"), built(folder / "second")
    if first != second:
        sys.exit(f"built twice, the files differ: {first} and {second}")
    files = sorted((folder / "first").iterdir())
    run(sys.executable, "-m", "twine", "check", "--strict", *files)
    (wheel,) = (file for file in files if file.suffix == ".whl")
    run(Path(sys.executable).with_name("check-wheel-contents"), wheel)
    for name, digest in first.items():
        print(f"{digest}  {name}")
    return wheel


def check_installed(wheel: Path, folder: Path, resolution: str) -> Path:
    """Install the wheel in an empty environment and segment a study with it; return its interpreter."""
    uv = [sys.executable, "-m", "uv"]
    run(*uv, "venv", "--python", sys.executable, folder)
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    run(*uv, "pip", "install", "--python", python, "--resolution", resolution, wheel)
    work = folder / "work"
    work.mkdir()
    run(python, "-m", "cipa", "--version", cwd=work)
    run(python, "-m", "cipa", "demo", cwd=work)
    run(*uv, "pip", "list", "--python", python)
    return python


def audit(python: Path, folder: Path) -> None:
    """Look up every package of an environment for known vulnerabilities; one that cannot be is a failure."""
    frozen = folder / "requirements.txt"
    command = [sys.executable, "-m", "uv", "pip", "freeze", "--python", str(python)]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    frozen.write_text("\n".join(line for line in listed.splitlines() if "==" in line), encoding="utf-8")
    run(sys.executable, "-m", "pip_audit", "--strict", "--no-deps", "--disable-pip", "--requirement", frozen)


def main() -> None:
    """Check everything, or with --quick the files alone."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="check the files, install nothing")
    parser.add_argument("--only", choices=RESOLUTIONS, help="install one set of dependencies")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="cipa-release-"))
    try:
        wheel = check_files(folder)
        for name, resolution in RESOLUTIONS.items():
            if arguments.quick or arguments.only not in (None, name):
                continue
            python = check_installed(wheel, folder / name, resolution)
            if name == "newest":
                audit(python, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
