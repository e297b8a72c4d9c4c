import time

import pytest
from benchmarks.serve.tools import free_port, send, wait_for
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid
from pynetdicom import AE, evt
from pynetdicom.sop_class import StorageCommitmentPushModel, StorageCommitmentPushModelInstance

from cipa.serve.settings import Peer, Retry
from dicom_files import CLASSES
from serve_tools import write_uid_study


class Reports:
    """What a requester is told."""

    def __init__(self):
        self.found = []
        self.status = 0x0000

    def take(self, event):
        self.found.append((event.event_type, event.event_information))
        return self.status, None


def ask(port, objects, reports, transaction=None, action=1, stay=True):
    """Ask for the commitment of (class, instance) pairs; returns the status and the open association."""
    asked = Dataset()
    asked.TransactionUID = transaction or generate_uid()
    asked.ReferencedSOPSequence = []
    for sop_class, sop_instance in objects:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, sop_instance
        asked.ReferencedSOPSequence.append(item)
    entity = AE(ae_title="SENDER")
    entity.add_requested_context(StorageCommitmentPushModel)
    assoc = entity.associate(
        "127.0.0.1", port, ae_title="CIPA", evt_handlers=[(evt.EVT_N_EVENT_REPORT, reports.take)]
    )
    assert assoc.is_established
    status, _ = assoc.send_n_action(
        asked, action, StorageCommitmentPushModel, StorageCommitmentPushModelInstance
    )
    if not stay:
        assoc.release()
    return status.Status, assoc


@pytest.fixture
def sent(tmp_path):
    files = write_uid_study(tmp_path / "study")
    headers = [dcmread(one) for one in files]
    return files, [(str(one.SOPClassUID), str(one.SOPInstanceUID)) for one in headers]


def test_what_is_there_is_committed_over_the_open_association(open_node, sent):
    found, reports = open_node(), Reports()
    files, objects = sent
    send(found.port, files)
    status, assoc = ask(found.port, objects, reports, "1.2.3.4")
    assert status == 0x0000
    wait_for(lambda: reports.found)
    ((event_type, told),) = reports.found
    assert (event_type, told.TransactionUID) == (1, "1.2.3.4")
    assert len(told.ReferencedSOPSequence) == len(objects)
    assert "FailedSOPSequence" not in told
    wait_for(lambda: not list(found.queue.spool.commitments.glob("*.json")))
    assoc.release()


def test_what_is_missing_or_of_another_class_is_told_with_its_reason(open_node, sent):
    found, reports = open_node(), Reports()
    files, objects = sent
    send(found.port, files)
    wrong = (CLASSES["PT"], objects[0][1])
    _, assoc = ask(found.port, [objects[1], wrong, (CLASSES["CT"], "1.2.3")], reports)
    wait_for(lambda: reports.found)
    ((event_type, told),) = reports.found
    assert event_type == 2
    assert [one.ReferencedSOPInstanceUID for one in told.ReferencedSOPSequence] == [objects[1][1]]
    assert [one.FailureReason for one in told.FailedSOPSequence] == [0x0119, 0x0112]
    assoc.release()


def test_a_peer_with_an_address_is_called_and_asked_to_be_the_user(open_node, sent):
    port, reports, roles = free_port(), Reports(), []
    entity = AE(ae_title="SENDER")
    entity.add_supported_context(StorageCommitmentPushModel, scu_role=False, scp_role=True)

    def note(event):
        roles.append((event.assoc.requestor.ae_title, event.assoc.accepted_contexts[0].as_scu))

    server = entity.start_server(
        ("127.0.0.1", port),
        block=False,
        evt_handlers=[(evt.EVT_N_EVENT_REPORT, reports.take), (evt.EVT_ACCEPTED, note)],
    )
    try:
        found = open_node(peers=(Peer("SENDER", "127.0.0.1", port),))
        files, objects = sent
        send(found.port, files)
        ask(found.port, objects, Reports(), stay=False)
        wait_for(lambda: reports.found)
        assert reports.found[0][0] == 1
        assert roles == [("CIPA", True)]
    finally:
        server.shutdown()


def test_a_report_that_is_not_taken_is_kept_and_made_again(open_node, sent):
    port = free_port()
    found = open_node(peers=(Peer("SENDER", "127.0.0.1", port),), retry=Retry(first_s=0.01, longest_s=0.01))
    files, objects = sent
    send(found.port, files)
    ask(found.port, objects, Reports(), stay=False)
    (path,) = found.queue.spool.commitments.glob("*.json")
    wait_for(lambda: '"attempts": 1' in path.read_text())
    reports, entity = Reports(), AE(ae_title="SENDER")
    entity.add_supported_context(StorageCommitmentPushModel, scu_role=False, scp_role=True)
    handlers = [(evt.EVT_N_EVENT_REPORT, reports.take)]
    server = entity.start_server(("127.0.0.1", port), block=False, evt_handlers=handlers)
    try:
        time.sleep(0.1)
        found.commitments.report_due()
        assert [one[0] for one in reports.found] == [1]
        assert not path.exists()
    finally:
        server.shutdown()


@pytest.mark.parametrize(("objects", "action", "status"), [([], 1, 0x0120), ([("1.2", "1.3")], 9, 0x0123)])
def test_a_request_that_is_none_is_refused(open_node, objects, action, status):
    found = open_node()
    answer, assoc = ask(found.port, objects, Reports(), action=action)
    assert answer == status
    assert not list(found.queue.spool.commitments.glob("*.json"))
    assoc.release()


def test_no_commitment_where_the_settings_say_so(open_node):
    entity = AE(ae_title="SENDER")
    entity.add_requested_context(StorageCommitmentPushModel)
    assoc = entity.associate("127.0.0.1", open_node(commitment=False).port, ae_title="CIPA")
    assert not assoc.is_established
