"""The whole node in a process of its own, with Orthanc as PACS."""

import json
import urllib.request

import pytest
from benchmarks.serve.load import settings_text
from benchmarks.serve.tools import NodeProcess, free_port, send, stored, wait_for, write_weights
from pydicom import dcmread

from serve_tools import orthanc, write_uid_study

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return write_weights(tmp_path_factory.mktemp("weights") / "tiny")


def uid_of(files):
    return str(dcmread(files[0]).StudyInstanceUID)


def test_studies_go_in_and_their_results_come_back_once(tmp_path, weights):
    with orthanc(tmp_path / "pacs") as (pacs, address):
        port, metrics, to_fetch = free_port(), free_port(), write_uid_study(tmp_path / "fetched")
        archive = {"name": "archive", "url": f"{address}/dicom-web", "poll_s": 1, "days": None}
        web = json.dumps([archive | {"query": {"ModalitiesInStudy": "PT"}}])
        more = {"web": web, "metrics": f"{{port: {metrics}}}", "study": "{quiet_s: 1}"}
        node = NodeProcess(tmp_path / "node", settings_text(tmp_path, port, pacs, weights, **more))
        node.start()
        sent, half = write_uid_study(tmp_path / "sent"), write_uid_study(tmp_path / "half")
        for _ in range(2):
            assert send(port, sent) == [0x0000] * len(sent)
        assert send(port, [one for one in half if "CT" in one.name]) == [0x0000] * 5
        assert send(pacs, to_fetch, called="PACS") == [0x0000] * len(to_fetch)
        wanted = sorted([uid_of(sent), uid_of(to_fetch)])
        wait_for(lambda: [study for study, _ in stored(address, "SR")] == wanted)
        assert [study for study, _ in stored(address, "SEG")] == wanted
        wait_for(lambda: node.count("study held"))
        wait_for(lambda: node.count("result accepted") == 2)
        text = urllib.request.urlopen(f"http://127.0.0.1:{metrics}/metrics").read().decode()
        assert 'cipa_studies{state="done"} 2.0' in text
        assert 'cipa_studies{state="held"} 1.0' in text
        assert node.stop() == 0
        (held,) = node.lines("study held")
        assert held["reason"] == "no PET series; give the folder of the whole PET-CT study"
        log = node.log.read_text()
        for secret in ("SECRET77", "Secret", uid_of(sent), uid_of(half)):
            assert secret not in log
        assert all(json.loads(line)["time"] for line in log.splitlines())


def test_a_node_killed_at_work_loses_and_doubles_nothing(tmp_path, weights):
    with orthanc(tmp_path / "pacs") as (pacs, address):
        port = free_port()
        text = settings_text(tmp_path, port, pacs, weights, study="{quiet_s: 0.2}")
        node = NodeProcess(tmp_path / "node", text)
        node.start()
        files = write_uid_study(tmp_path / "sent")
        assert send(port, files) == [0x0000] * len(files)
        node.kill()
        node.start()
        wait_for(lambda: node.count("study begun"))
        node.kill()
        node.start()
        wait_for(lambda: stored(address, "SR"))
        node.kill()
        node.start()
        wait_for(lambda: node.count("result accepted"))
        assert [len(stored(address, kind)) for kind in ("SEG", "SR")] == [1, 1]
        assert node.stop() == 0
