import time

import pytest
from benchmarks.serve.tools import free_port, send, wait_for
from pydicom import dcmread

from cipa.serve.fetcher import Fetcher
from cipa.serve.intake import Intake
from cipa.serve.metrics import Meters
from cipa.serve.queue import Queue
from cipa.serve.settings import Limits, Web
from cipa.serve.spool import Spool
from serve_tools import orthanc, write_uid_study


@pytest.fixture
def queue(tmp_path):
    return Queue(Spool(tmp_path / "spool"), Limits(free_mb=0), ())


def fetcher_of(queue, address, **settings):
    web = Web("archive", f"{address}/dicom-web", days=None, **settings)
    return Fetcher(web, Intake(queue, Meters(queue)))


def received(queue):
    return sum(len(entry.images) for entry in queue.studies.values())


def test_a_study_is_fetched_from_orthanc_once(queue, tmp_path):
    with orthanc(tmp_path / "pacs") as (pacs, address):
        files = write_uid_study(tmp_path / "study")
        send(pacs, files, called="PACS")
        fetcher, uid = fetcher_of(queue, address), str(dcmread(files[0]).StudyInstanceUID)
        assert fetcher.fetch(uid) == len(files)
        assert fetcher.fetch(uid) == 0
        assert fetcher.fetch(uid, again=True) == 0
        assert received(queue) == len(files)
        kept = {one.SOPInstanceUID: one for one in map(dcmread, queue.spool.root.rglob("images/*.dcm"))}
        assert all(kept[one.SOPInstanceUID] == one for one in map(dcmread, files))


def test_a_look_takes_what_matches_and_what_is_new(queue, tmp_path):
    with orthanc(tmp_path / "pacs") as (pacs, address):
        whole, other = write_uid_study(tmp_path / "whole"), write_uid_study(tmp_path / "other")
        send(pacs, whole[:-1], called="PACS")
        send(pacs, [one for one in other if "CT" in one.name], called="PACS")
        fetcher = fetcher_of(queue, address, query={"ModalitiesInStudy": "PT"})
        fetcher.poll()
        assert received(queue) == len(whole) - 1
        send(pacs, whole[-1:], called="PACS")
        fetcher.poll()
        assert received(queue) == len(whole)


def test_what_is_asked_for_is_fetched_and_its_request_deleted(queue, tmp_path):
    with orthanc(tmp_path / "pacs") as (pacs, address):
        files = write_uid_study(tmp_path / "study")
        send(pacs, files, called="PACS")
        fetcher, request = fetcher_of(queue, address), tmp_path / "request.json"
        request.touch()
        fetcher.start()
        try:
            fetcher.request(request, str(dcmread(files[0]).StudyInstanceUID))
            wait_for(lambda: not request.exists())
            assert received(queue) == len(files)
        finally:
            fetcher.stop()
            fetcher.join()


def test_a_server_that_is_away_is_asked_again_later(queue, tmp_path):
    fetcher, request = fetcher_of(queue, f"http://127.0.0.1:{free_port()}"), tmp_path / "request.json"
    request.touch()
    fetcher.request(request, "1.2.3")
    fetcher._fetch_requested(request, fetcher.requests[request])
    assert request.exists()
    assert fetcher.requests[request].next_at > time.monotonic()
