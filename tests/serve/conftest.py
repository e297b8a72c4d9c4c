import subprocess
from types import SimpleNamespace

import pytest

from cipa.serve.commitment import Commitments
from cipa.serve.intake import Intake
from cipa.serve.metrics import Meters
from cipa.serve.node import DicomNode
from cipa.serve.queue import Queue
from cipa.serve.settings import Limits, Node, Retry, Tls
from cipa.serve.spool import Spool


@pytest.fixture
def open_node(tmp_path):
    """Open a node without a network behind it: what it takes stays in its queue."""
    opened = []

    def begin(limits=None, peers=(), tls=None, retry=None, node_tls=None, **settings):
        limits = limits or Limits(free_mb=0, idle_s=20.0)
        queue = Queue(Spool(tmp_path / "spool"), limits, ("pacs",))
        meters = Meters(queue)
        node = Node(**({"port": 0, "calling": ("SENDER",), "tls": node_tls or Tls()} | settings))
        commitments = Commitments(queue, peers, "CIPA", retry or Retry(), meters, lambda: tls)
        one = DicomNode(node, limits, Intake(queue, meters), commitments, meters)
        port = one.open()
        opened.append(one)
        return SimpleNamespace(port=port, queue=queue, meters=meters, commitments=commitments, node=one)

    yield begin
    for one in opened:
        one.close(1.0)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    """An authority, and certificates of it for the node and for a peer; skipped without openssl."""
    folder = tmp_path_factory.mktemp("tls")

    def run(*words):
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    try:
        run("req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=ca")
    except FileNotFoundError:
        pytest.skip("openssl is not installed")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\n")
    for name in ("node", "peer"):
        run("req", *key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "names")
        run("x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.pem", *signed)
    return folder
