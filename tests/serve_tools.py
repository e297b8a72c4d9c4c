"""Studies, senders and servers for tests of the node; programs that are not installed skip a test."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.uid import generate_uid
from pynetdicom import AE

from dicom_files import write_series
from studies import BOX, LPS, SUV_PER_BQML

SOURCES = Path(__file__).parents[1] / "src"
DICOM_WEB = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")


def write_uid_study(folder, uid=None, suv=15.0, slices=5, **tags):
    """Write CT and PET, 32 x 32 x 5 with a hot box, under their own UIDs, and return their files."""
    uid = uid or generate_uid()
    ct, pet = np.full((32, 32, slices), 1000), np.zeros((32, 32, slices))
    ct[0] = 100
    pet[BOX] = suv / SUV_PER_BQML
    shared = {"StudyInstanceUID": uid, "PatientID": "SECRET77", "AccessionNumber": "", "StudyID": ""}
    shared |= {"FrameOfReferenceUID": f"{uid[:62]}.9", **tags}
    files = []
    for number, (kind, values) in enumerate((("CT", ct), ("PT", pet.round())), start=1):
        series = f"{uid[:62]}.{number}"
        files += write_series(folder / kind, kind, values, LPS, SeriesInstanceUID=series, **shared)
    return files


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def wait_for(condition, seconds=120.0):
    """Wait until a condition holds, and return what it gave."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = condition()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"{condition} did not hold within {seconds} s")


def send(port, files, calling="SENDER", called="CIPA", **named):
    """Send files by C-STORE and return their status codes; None where no association was accepted."""
    objects = [dcmread(file) for file in files]
    entity = AE(ae_title=calling)
    for one in objects:
        entity.add_requested_context(one.SOPClassUID, one.file_meta.TransferSyntaxUID)
    entity.requested_contexts = list({one.abstract_syntax: one for one in entity.requested_contexts}.values())
    assoc = entity.associate("127.0.0.1", port, ae_title=called, **named)
    if not assoc.is_established:
        return None
    try:
        return [assoc.send_c_store(one).get("Status") for one in objects]
    finally:
        assoc.release()


@contextmanager
def orthanc(folder):
    """Run Orthanc as PACS; gives its DICOM port and its HTTP address."""
    if shutil.which("Orthanc") is None or not DICOM_WEB.exists():
        pytest.skip("Orthanc is not installed (Debian packages orthanc and orthanc-dicomweb)")
    port, http = free_port(), free_port()
    folder.mkdir(parents=True, exist_ok=True)
    settings = {
        "StorageDirectory": str(folder / "db"),
        "IndexDirectory": str(folder / "db"),
        "HttpPort": http,
        "DicomPort": port,
        "DicomAet": "PACS",
        "Plugins": [str(DICOM_WEB)],
        "DicomWeb": {"Enable": True, "Root": "/dicom-web/"},
        "AuthenticationEnabled": False,
        "OverwriteInstances": False,
    }
    (folder / "orthanc.json").write_text(json.dumps(settings))
    with (folder / "orthanc.log").open("w") as log:
        process = subprocess.Popen(["Orthanc", str(folder / "orthanc.json")], stdout=log, stderr=log)
    try:
        address = f"http://127.0.0.1:{http}"
        wait_for(lambda: process.poll() is not None or _answers(f"{address}/system"))
        assert process.poll() is None, (folder / "orthanc.log").read_text()
        yield port, address
    finally:
        process.kill()
        process.wait()


def get_json(url):
    with urllib.request.urlopen(url, timeout=60) as answer:
        return json.load(answer)


def stored(address, modality):
    """SOP Instance UIDs that Orthanc holds of a modality."""
    found = get_json(f"{address}/instances?expand")
    series = {one["ID"]: one["MainDicomTags"].get("Modality") for one in get_json(f"{address}/series?expand")}
    return sorted(
        one["MainDicomTags"]["SOPInstanceUID"] for one in found if series[one["ParentSeries"]] == modality
    )


def _answers(url):
    try:
        return get_json(url)
    except OSError:
        return None


class NodeProcess:
    """`cipa serve` in a process of its own."""

    def __init__(self, folder, text):
        folder.mkdir(parents=True, exist_ok=True)
        self.config, self.log = folder / "serve.yaml", folder / "log.jsonl"
        self.config.write_text(text)
        self.process = None

    def start(self):
        environment = os.environ | {"PYTHONPATH": str(SOURCES), "OMP_NUM_THREADS": "1"}
        readies = self.count("ready")
        with self.log.open("a") as log:
            words = [sys.executable, "-m", "cipa", "serve", "--config", str(self.config)]
            self.process = subprocess.Popen(words, stderr=log, env=environment)
        wait_for(lambda: self.process.poll() is not None or self.count("ready") > readies)
        assert self.process.poll() is None, self.log.read_text()

    def lines(self):
        text = self.log.read_text() if self.log.exists() else ""
        return [json.loads(line) for line in text.splitlines() if line.startswith("{") and line.endswith("}")]

    def count(self, event):
        return sum(one["event"] == event for one in self.lines())

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        self.process.terminate()
        return self.process.wait(120)
