"""The node's systemd unit, which systemd accepts, and compose file, whose files are all there."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"
UNIT = DEPLOY / "cipa-serve.service"


def compose():
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_has_nothing_to_say_about_the_unit(tmp_path):
    text = re.sub(
        "^ExecStart=/opt/cipa/bin/cipa", f"ExecStart={sys.executable}", UNIT.read_text(), flags=re.M
    )
    assert sys.executable in text
    (tmp_path / UNIT.name).write_text(text)
    words = ["systemd-analyze", "verify", "--man=no", str(tmp_path / UNIT.name)]
    done = subprocess.run(words, capture_output=True, text=True)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_what_the_unit_s_process_writes_goes_where_it_may_write():
    text = UNIT.read_text()
    assert "ProtectSystem=strict" in text  # everything else is read-only
    (cache,) = re.findall("^CacheDirectory=(.+)$", text, flags=re.MULTILINE)
    (variables,) = re.findall("^Environment=(.+)$", text, flags=re.MULTILINE)
    named = dict(pair.split("=") for pair in variables.split())
    assert named.keys() == {"NUMBA_CACHE_DIR", "MPLCONFIGDIR", "CIPA_CACHE"}
    assert set(named.values()) == {f"/var/cache/{cache}"}


def test_files_and_volumes_of_the_compose_file_are_there():
    found = compose()
    mounts = [one.split(":")[0] for service in found["services"].values() for one in service["volumes"]]
    assert {one for one in mounts if not one.startswith(".")} == set(found["volumes"])
    assert all((DEPLOY / one).is_file() for one in mounts if one.startswith("."))
    build = found["services"]["cipa"]["build"]
    assert (DEPLOY / build["context"] / "pyproject.toml").is_file()


def test_no_port_of_the_compose_file_is_open_to_other_machines():
    ports = [port for service in compose()["services"].values() for port in service.get("ports", ())]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_the_settings_of_the_compose_file_can_be_read_and_know_its_services():
    from cipa.serve.settings_file import read_settings

    settings, services = read_settings(DEPLOY / "serve.yaml"), compose()["services"]
    assert all(one.host in services for one in settings.destinations)
    assert str(settings.spool) in [one.split(":")[1] for one in services["cipa"]["volumes"]]
