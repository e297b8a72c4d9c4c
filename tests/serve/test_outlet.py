import pytest
from benchmarks.serve.tools import free_port, stored
from pynetdicom import AE, evt

from cipa.serve.outlet import StoreOutlet, StowOutlet
from cipa.serve.settings import Destination, Limits, Web
from dicom_files import header, save
from serve_tools import orthanc


def write_objects(folder, number=2):
    paths = []
    for index in range(number):
        one = header("OT", PatientID="P", StudyID="", AccessionNumber="")
        one.Modality = "SEG"
        paths.append(folder / f"{index}.dcm")
        save(one, paths[-1])
    return paths


@pytest.fixture
def peer():
    """A node that answers C-STORE with the status codes it is given."""
    servers = []

    def begin(*statuses, sop_class="1.2.840.10008.5.1.4.1.1.7"):
        answers, entity, port = list(statuses), AE(ae_title="PACS"), free_port()
        entity.add_supported_context(sop_class)
        entity.require_called_aet = True
        handlers = [(evt.EVT_C_STORE, lambda _: answers.pop(0) if answers else 0x0000)]
        servers.append(entity.start_server(("127.0.0.1", port), block=False, evt_handlers=handlers))
        return port

    yield begin
    for one in servers:
        one.shutdown()


def outlet(port, ae_title="PACS"):
    return StoreOutlet(
        Destination("pacs", "127.0.0.1", port, ae_title), "CIPA", Limits(idle_s=20), lambda: None
    )


def test_objects_are_accepted_one_by_one(peer, tmp_path):
    paths = write_objects(tmp_path)
    result = outlet(peer(0xA700, 0x0000)).send(paths)
    assert result.accepted == [paths[1]]
    assert result.error == "Secondary Capture Image Storage: refused with status A700"


def test_a_warning_of_the_destination_is_acceptance(peer, tmp_path):
    paths = write_objects(tmp_path)
    assert outlet(peer(0xB000, 0xB007)).send(paths).accepted == paths


def test_a_destination_that_rejects_says_why(peer, tmp_path):
    result = outlet(peer(), "OTHER").send(write_objects(tmp_path))
    assert result.accepted == []
    assert "rejected" in result.error
    assert "AE title" in result.error or "recognised" in result.error


def test_a_destination_without_the_kind_of_object_is_named(peer, tmp_path):
    result = outlet(peer(sop_class="1.2.840.10008.5.1.4.1.1.2")).send(write_objects(tmp_path))
    assert result.accepted == []
    assert result.error


def test_nobody_at_the_address_is_a_line(tmp_path):
    result = outlet(free_port()).send(write_objects(tmp_path))
    assert result.error == "no association: nobody answers, or the peer aborted it"


def test_stow_to_nobody_is_a_line(tmp_path):
    result = StowOutlet(Web("archive", f"http://127.0.0.1:{free_port()}/x")).send(write_objects(tmp_path, 1))
    assert result.error == "0.dcm: ConnectionError"


def test_orthanc_takes_objects_by_stow(tmp_path):
    with orthanc(tmp_path / "pacs") as (_, address):
        paths = write_objects(tmp_path)
        result = StowOutlet(Web("archive", f"{address}/dicom-web")).send(paths)
        assert (result.accepted, result.error) == (paths, "")
        assert len(stored(address, "SEG")) == 2
        wrong = StowOutlet(Web("archive", f"{address}/elsewhere")).send(paths)
        assert wrong.error == "1.dcm: HTTP 404"
