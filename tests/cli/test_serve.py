import json

import pytest

from cipa.cli.main import main
from cipa.serve.mailbox import read_requests
from cipa.serve.queue import Queue
from cipa.serve.settings import Limits
from cipa.serve.settings_file import read_settings
from cipa.serve.spool import Spool, alias_of, name_study


@pytest.fixture
def spool(tmp_path):
    spool = Spool(tmp_path / "spool")
    queue = Queue(spool, Limits(free_mb=0), ())
    queue.receive("1.2", "1", b"content")
    queue.promote(0.0)
    queue.hold(queue.next_turn(), "no PET series; give the folder of the whole PET-CT study")
    return spool


def test_print_config_prints_what_config_takes(tmp_path, capsys):
    assert main(["serve", "--print-config"]) == 0
    text = capsys.readouterr().out
    (tmp_path / "serve.yaml").write_text(text)
    assert main(["serve", "--config", str(tmp_path / "serve.yaml"), "--print-config"]) == 0
    assert capsys.readouterr().out == text
    assert read_settings(tmp_path / "serve.yaml").node.address == "127.0.0.1"


def test_status_says_what_is_held_and_why(spool, capsys):
    assert main(["serve", "--spool", str(spool.root), "--status"]) == 0
    shown = capsys.readouterr().out
    assert "node not running" in shown
    assert "0 done, 1 held for a look" in shown
    assert f"{alias_of(name_study('1.2'))}  held" in shown
    assert "no PET series" in shown


def test_status_as_json_has_everything(spool, capsys):
    assert main(["serve", "--spool", str(spool.root), "--status", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["counts"]["held"] == 1
    assert found["lines"][0]["study"] == name_study("1.2")


@pytest.mark.parametrize("word", ["all", alias_of(name_study("1.2"))])
def test_retry_leaves_a_request(spool, capsys, word):
    assert main(["serve", "--spool", str(spool.root), "--retry", word]) == 0
    assert [one for _, one in read_requests(spool)] == [{"verb": "retry", "study": name_study("1.2")}]


def test_fetch_leaves_a_request_for_a_server_of_the_settings(spool, tmp_path, capsys):
    config = tmp_path / "serve.yaml"
    config.write_text(f"spool: {spool.root}\nweb: [{{name: archive, url: 'http://127.0.0.1/x'}}]")
    assert main(["serve", "--config", str(config), "--fetch", "archive", "1.2.3"]) == 0
    assert [one for _, one in read_requests(spool)] == [
        {"verb": "fetch", "server": "archive", "study_uid": "1.2.3"}
    ]
    assert "1.2.3" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], 'node.calling: []; list the AE titles that may send, or "*" for anybody'),
        (["--status", "--print-config"], "give one of these"),
        (["--json"], "--json: only with --status"),
        (["--retry", "study-zz"], "study-zz: 0 studies of that name"),
        (["--fetch", "archive", "1.2"], "--fetch archive: no such web server"),
        (["--config", "absent.yaml"], "absent.yaml: no such file"),
    ],
)
def test_a_mistake_is_one_line(spool, capsys, words, said):
    assert main(["serve", "--spool", str(spool.root), *words]) in (1, 2)
    complaint = capsys.readouterr().err
    assert said in complaint
    assert complaint.count("\n") == 1
