"""Container files: no root, no network at run time, and every file that they copy is there."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCKERFILE = ROOT / "deploy" / "Dockerfile"
DEFINITION = ROOT / "deploy" / "cipa.def"


def instructions():
    """Return (instruction, value) of the Dockerfile, continued lines joined."""
    text = re.sub(r"^#.*\n", "", DOCKERFILE.read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    return [tuple(line.split(None, 1)) for line in text.splitlines() if line.strip()]


def sections():
    """Return the text of each section of the Apptainer definition, the header's under an empty name."""
    parts = re.split(r"^%(\w+)$", "\n" + DEFINITION.read_text(), flags=re.MULTILINE)
    return {"": parts[0]} | dict(zip(parts[1::2], parts[2::2], strict=True))


def test_the_image_runs_as_a_user_without_rights_and_starts_cipa():
    last = dict(instructions())
    assert last["USER"] == "10001"
    assert last["ENTRYPOINT"] == '["cipa"]'
    assert last["STOPSIGNAL"] == "SIGTERM"


def test_the_image_asks_the_network_for_nothing_at_run_time():
    environment = " ".join(value for word, value in instructions() if word == "ENV")
    assert "HF_HUB_OFFLINE=1" in environment
    assert "HF_HUB_OFFLINE=1" in sections()["environment"]
    assert not [word for word, _ in instructions() if word == "ADD"]


def test_what_is_compiled_at_run_time_goes_where_any_user_may_write():
    environment = dict(
        pair.split("=", 1) for word, value in instructions() if word == "ENV" for pair in value.split()
    )
    caches = {environment[name] for name in ("NUMBA_CACHE_DIR", "TRITON_CACHE_DIR", "MPLCONFIGDIR", "HOME")}
    assert all(folder.startswith("/cache") for folder in caches)
    assert any("mkdir -m 1777 /cache" in value for word, value in instructions() if word == "RUN")


def test_every_image_builds_on_a_tagged_python():
    bases = [value.split()[0] for word, value in instructions() if word == "FROM"]
    bases += re.findall(r"^From: (.+)$", sections()[""], flags=re.MULTILINE)
    assert len(bases) == 3
    assert all(re.fullmatch(r"docker.io/library/python:(\$\{PYTHON\}|\d\.\d+)-slim", base) for base in bases)


def test_every_file_that_is_copied_is_there_and_sent_to_the_builder():
    copied = [
        source
        for word, value in instructions()
        if word == "COPY" and not value.startswith("--from")
        for source in value.split()[:-1]
    ]
    sent = (ROOT / "deploy" / "Dockerfile.dockerignore").read_text().splitlines()
    assert copied
    assert all((ROOT / name).exists() and f"!{name}" in sent for name in copied)
    listed = [line.split()[0] for line in sections()["files"].splitlines() if line.strip()]
    assert listed
    assert all((ROOT / name).exists() for name in listed)


def test_both_files_know_cpu_and_cuda_and_refuse_another_device():
    for text in (DOCKERFILE.read_text(), sections()["post"]):
        assert re.search(r"^\s*cpu\) pip install .*torch", text, flags=re.MULTILINE)
        assert re.search(r"^\s*cuda\) ;;", text, flags=re.MULTILINE)
        assert "must be cpu or cuda" in text


@pytest.mark.parametrize(
    ("program", "arguments"),
    [("hadolint", ["Dockerfile"]), ("shellcheck", ["train.sbatch"]), ("bash", ["-n", "train.sbatch"])],
)
def test_linters_find_nothing(program, arguments):
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    done = subprocess.run(
        [program, *arguments], cwd=ROOT / "deploy", capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
