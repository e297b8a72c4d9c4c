import errno
import os
import shutil
import socket
import ssl
import struct
import subprocess
import threading
import time

import pytest
from benchmarks.serve.tools import send, wait_for
from pydicom import dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.uid import (
    MPEG2MPML,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGLosslessSV1,
)
from pynetdicom import AE

from cipa.serve.settings import Limits, Tls
from dicom_files import CLASSES, header
from serve_tools import write_uid_study


def associate(
    port, context=CLASSES["CT"], syntax=ExplicitVRLittleEndian, calling="SENDER", called="CIPA", **named
):
    entity = AE(ae_title=calling)
    entity.add_requested_context(context, syntax)
    return entity.associate("127.0.0.1", port, ae_title=called, **named)


def slice_of(modality="CT", **tags):
    one = header(modality, **tags)
    one.file_meta = FileMetaDataset()
    one.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return one


def store(port, one, **named):
    assoc = associate(port, **named)
    assert assoc.is_established
    try:
        return assoc.send_c_store(one)
    finally:
        assoc.release()


def received(found):
    return sum(len(entry.images) for entry in found.queue.studies.values())


def test_a_node_answers_verification(open_node):
    assoc = associate(open_node().port, "1.2.840.10008.1.1", ImplicitVRLittleEndian)
    assert assoc.send_c_echo().Status == 0x0000
    assoc.release()


def test_what_is_acknowledged_is_in_the_spool_as_it_was_sent(open_node, tmp_path):
    found = open_node()
    files = write_uid_study(tmp_path / "study")
    assert send(found.port, files) == [0x0000] * len(files)
    kept = [dcmread(one) for one in found.queue.spool.root.rglob("images/*.dcm")]
    sent = {one.SOPInstanceUID: one for one in map(dcmread, files)}
    assert len(kept) == len(files)
    assert all(one == sent[one.SOPInstanceUID] for one in kept)


def test_a_study_sent_twice_is_acknowledged_and_kept_once(open_node, tmp_path):
    found = open_node()
    files = write_uid_study(tmp_path / "study")
    for _ in range(2):
        assert send(found.port, files) == [0x0000] * len(files)
    assert received(found) == len(files)


@pytest.mark.parametrize(("calling", "called"), [("STRANGER", "CIPA"), ("SENDER", "OTHER")])
def test_a_wrong_ae_title_is_rejected_and_counted(open_node, calling, called):
    found = open_node()
    assoc = associate(found.port, calling=calling, called=called)
    assert assoc.is_rejected
    assert assoc.acceptor.primitive.result_source == 0x01  # by the service user
    rejected = found.meters.associations.labels("rejected")
    wait_for(lambda: rejected._value.get() == 1)


def test_anybody_may_call_a_node_that_says_so(open_node):
    assoc = associate(open_node(calling=("*",)).port, calling="STRANGER")
    assert assoc.is_established
    assoc.release()


def test_an_unknown_transfer_syntax_is_rejected_for_its_context_alone(open_node):
    entity = AE(ae_title="SENDER")
    entity.add_requested_context(CLASSES["CT"], MPEG2MPML)
    entity.add_requested_context(CLASSES["PT"], JPEGLosslessSV1)
    assoc = entity.associate("127.0.0.1", open_node().port, ae_title="CIPA")
    assert assoc.is_established
    assert [one.abstract_syntax for one in assoc.accepted_contexts] == [CLASSES["PT"]]
    assert [one.result for one in assoc.rejected_contexts] == [0x04]  # transfer syntaxes not supported
    assoc.release()


def test_other_objects_are_rejected_unless_all_are_accepted(open_node):
    capture = "1.2.840.10008.5.1.4.1.1.7"
    refusing = associate(open_node().port, capture)
    assert not refusing.is_established
    assoc = associate(open_node(accept="all").port, capture)
    assert assoc.is_established
    assoc.release()


def test_a_data_set_of_another_class_than_its_message_is_a900(open_node):
    found = open_node()
    one = slice_of("PT")
    assoc = associate(found.port)
    status = send_raw(assoc, one, CLASSES["CT"], one.SOPInstanceUID)
    assert status.Status == 0xA900
    assert "SOPClassUID" in status.ErrorComment
    assert received(found) == 0


def test_a_data_set_with_another_uid_than_its_message_is_a900(open_node):
    one = slice_of("CT")
    status = send_raw(associate(open_node().port), one, CLASSES["CT"], "1.2.3.4.5")
    assert status.Status == 0xA900


def send_raw(assoc, one, sop_class, sop_instance, content=None):
    """Send C-STORE whose command says what is given, and return the response."""
    from io import BytesIO

    from pynetdicom.dimse_primitives import C_STORE
    from pynetdicom.dsutils import encode

    request = C_STORE()
    request.MessageID, request.Priority = 1, 2
    request.AffectedSOPClassUID, request.AffectedSOPInstanceUID = sop_class, sop_instance
    request.DataSet = BytesIO(encode(one, False, True) if content is None else content)
    context = assoc.accepted_contexts[0].context_id
    assoc._reactor_checkpoint.clear()
    wait_for(lambda: assoc._is_paused)
    assoc.dimse.send_msg(request, context)
    _, answer = assoc.dimse.get_msg(block=True)
    assoc._reactor_checkpoint.set()
    assoc.release()
    return answer


@pytest.mark.parametrize(
    "content", [b"\1", b"\0" * 300, b"\x08\x00\x16\x00UI\xff\xff1.2", os.urandom(4096)], ids=range(4)
)
def test_a_data_set_that_cannot_be_read_is_c000(open_node, content):
    found = open_node()
    one = slice_of("CT")
    status = send_raw(associate(found.port), one, CLASSES["CT"], one.SOPInstanceUID, content)
    assert status.Status & 0xF000 == 0xC000
    assert received(found) == 0


@pytest.mark.parametrize(
    ("name", "value"), [("StudyInstanceUID", None), ("StudyInstanceUID", ""), ("SeriesInstanceUID", None)]
)
def test_a_data_set_without_its_uids_is_c000(open_node, name, value):
    status = store(open_node().port, slice_of("CT", **{name: value}))
    assert status.Status == 0xC000
    assert "InstanceUID is missing" in status.ErrorComment


def test_a_full_disk_is_a700_and_the_association_goes_on(open_node, monkeypatch):
    found = open_node()
    assoc = associate(found.port)
    real, is_full = os.fsync, True

    def fsync(handle):
        if is_full and threading.current_thread() is not threading.main_thread():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    refused = assoc.send_c_store(slice_of())
    assert (refused.Status, refused.ErrorComment) == (0xA700, "no space left on the disk")
    assert received(found) == 0
    is_full = False
    assert assoc.send_c_store(slice_of()).Status == 0x0000
    assoc.release()


def test_a_disk_that_is_nearly_full_is_a700(open_node, monkeypatch):
    found = open_node(Limits(free_mb=10, idle_s=20.0))
    usage = shutil.disk_usage(found.queue.spool.root)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=9 * 2**20))
    status = store(found.port, slice_of())
    assert status.Status == 0xA700
    assert "limits.free_mb" in status.ErrorComment


def test_a_study_too_many_is_a700_and_the_others_go_on(open_node):
    found = open_node(Limits(studies=1, free_mb=0, idle_s=20.0))
    assert store(found.port, slice_of()).Status == 0x0000
    assert store(found.port, slice_of(StudyInstanceUID="1.9")).Status == 0xA700
    assert store(found.port, slice_of()).Status == 0x0000


def test_an_object_beyond_the_limit_ends_its_association_alone(open_node):
    found = open_node(Limits(object_mb=1, free_mb=0, idle_s=20.0))
    large = slice_of(PixelData=bytes(3 * 2**20), BitsAllocated=16, Rows=1, Columns=1)
    large["PixelData"].VR = "OW"
    status = store(found.port, large)
    assert "Status" not in status
    assert store(found.port, slice_of()).Status == 0x0000
    assert received(found) == 1
    wait_for(lambda: found.node.server.budget.total == 0)


def test_associations_beyond_the_limit_are_rejected(open_node):
    found = open_node(Limits(associations=1, free_mb=0, idle_s=20.0))
    first = associate(found.port)
    assert first.is_established
    assert associate(found.port).is_rejected
    first.release()
    wait_for(lambda: (again := associate(found.port)).is_established and not again.release())


def test_a_pdu_that_announces_gigabytes_is_not_waited_for(open_node):
    found = open_node()
    with socket.create_connection(("127.0.0.1", found.port)) as peer:
        peer.sendall(struct.pack(">BBL", 0x01, 0, 2**32 - 1) + bytes(100))
        peer.settimeout(30)
        assert peer.recv(100) == b""  # closed
    assert store(found.port, slice_of()).Status == 0x0000


def test_a_peer_that_says_nothing_is_let_go(open_node):
    found = open_node(Limits(idle_s=0.3, free_mb=0))
    with socket.create_connection(("127.0.0.1", found.port)) as peer:
        peer.settimeout(60)
        assert peer.recv(100)[:1] in (b"", b"\x07")  # closed, or aborted first
    wait_for(lambda: not found.node.server.active_associations)


def test_four_senders_at_once_lose_nothing(open_node, tmp_path):
    found = open_node()
    studies = [write_uid_study(tmp_path / str(number)) for number in range(4)]
    answers = [None] * 4

    def one(number):
        answers[number] = send(found.port, studies[number])

    threads = [threading.Thread(target=one, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [[0x0000] * 10] * 4
    assert received(found) == 40


def test_dcmtk_is_served(open_node, tmp_path):
    if shutil.which("storescu") is None:
        pytest.skip("storescu is not installed (Debian package dcmtk)")
    found = open_node()
    files = write_uid_study(tmp_path / "study")
    words = ["-aet", "SENDER", "-aec", "CIPA", "127.0.0.1", str(found.port)]
    subprocess.run(["echoscu", *words], check=True, timeout=120)
    subprocess.run(["storescu", *words, *map(str, files)], check=True, timeout=120)
    assert received(found) == len(files)
    wrong = subprocess.run(["echoscu", "-aet", "X", *words[2:]], timeout=120, capture_output=True)
    assert wrong.returncode != 0


def test_tls_takes_peers_of_the_authority_and_nobody_else(open_node, certificates):
    paths = {
        name: str(certificates / f"node.{end}") for name, end in (("certificate", "pem"), ("key", "key"))
    }
    found = open_node(node_tls=Tls(**paths, ca=str(certificates / "ca.pem")))
    context = ssl.create_default_context(cafile=certificates / "ca.pem")
    assert not associate(found.port, tls_args=(context, "127.0.0.1")).is_established  # no certificate
    assert not associate(found.port).is_established  # no TLS
    context.load_cert_chain(certificates / "peer.pem", certificates / "peer.key")
    assert store(found.port, slice_of(), tls_args=(context, "127.0.0.1")).Status == 0x0000


def test_a_peer_that_begins_tls_and_stops_holds_up_nobody(open_node, certificates):
    paths = {
        name: str(certificates / f"node.{end}") for name, end in (("certificate", "pem"), ("key", "key"))
    }
    found = open_node(node_tls=Tls(**paths))
    context = ssl.create_default_context(cafile=certificates / "ca.pem")
    with socket.create_connection(("127.0.0.1", found.port)):
        time.sleep(0.1)
        assert store(found.port, slice_of(), tls_args=(context, "127.0.0.1")).Status == 0x0000
