"""`cipa view` as a process: it says where it is, answers there alone, and ends when asked or interrupted."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.request

import pytest

from cipa.cli.main import main
from studies import write_study
from view_client import make_result


@pytest.fixture
def server(tmp_path):
    make_result(write_study(tmp_path / "study"), tmp_path / "result", objects=())
    command = [sys.executable, "-m", "cipa", "view", str(tmp_path / "result"), "--no-browser"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background ignores it
    )  # fmt: skip
    yield process
    process.kill()
    process.communicate()


def ask(address, method="GET", **headers):
    request = urllib.request.Request(address, method=method, headers=headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return answer.status, answer.read()


def first_line(process):
    line = process.stdout.readline()
    found = re.fullmatch(r"cipa view: (http://127\.0\.0\.1:\d+)/\?token=(\S{20,})\n", line)
    assert found, (line, process.stderr.read() if process.poll() is not None else "")
    return found.groups()


def test_it_serves_and_ends_when_the_page_asks(server):
    base, token = first_line(server)
    status, body = ask(f"{base}/api/results", **{"X-Cipa-Token": token})
    assert status == 200
    assert json.loads(body)[0]["lesions"] == 2
    with pytest.raises(urllib.error.HTTPError) as refused:
        ask(f"{base}/api/results", **{"X-Cipa-Token": "wrong"})
    assert refused.value.code == 403
    assert ask(f"{base}/api/quit", "POST", **{"X-Cipa-Token": token})[0] == 204
    said, warned = server.communicate(timeout=60)
    assert server.returncode == 0
    assert "ended" in said
    assert warned == ""
    assert token not in said + warned


def test_ctrl_c_is_the_usual_end(server):
    first_line(server)
    os.kill(server.pid, signal.SIGINT)
    said, warned = server.communicate(timeout=60)
    assert server.returncode == 0
    assert "ended" in said
    assert warned == ""


def test_a_port_that_is_taken_is_said(tmp_path, capsys):
    import socket

    make_result(write_study(tmp_path / "study"), tmp_path / "result", objects=())
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert main(["view", str(tmp_path / "result"), "--port", str(port), "--no-browser"]) == 2
    assert f"--port {port}: taken" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nothing"], "no result of cipa predict"),
        (["nothing", "--port", "70000"], "--port 70000: give 0 to 65535"),
        (["nothing", "--weight-kg", "-1"], "--weight-kg -1: give a number above 0"),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path, monkeypatch, capsys, words, said):
    monkeypatch.chdir(tmp_path)
    assert main(["view", *words]) == 2
    assert said in capsys.readouterr().err


def test_the_extra_is_named_where_it_is_missing():
    code = (
        "import sys; sys.modules['uvicorn'] = None\n"
        "from cipa.cli.main import main; sys.exit(main(['view', 'result']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 2
    assert "pip install 'cipa[view]'" in done.stderr
