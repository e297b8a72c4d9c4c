"""What measurements and tests of the node share: Orthanc as PACS, a node in a process, senders, studies."""

import atexit
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

import psutil
from pydicom import dcmread
from pydicom.uid import generate_uid
from pynetdicom import AE

SOURCES = Path(__file__).parents[2] / "src"

DICOM_WEB = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")

MISSING = "Orthanc is not installed (Debian packages orthanc and orthanc-dicomweb)"


START_S = 600.0
"""Seconds to start in: a busy machine takes a minute to import PyTorch."""


def has_orthanc():
    """Tell whether Orthanc and its DICOMweb plugin are installed."""
    return shutil.which("Orthanc") is not None and DICOM_WEB.exists()


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
    """Send files by C-STORE and return their status codes (None: no answer); None for no association."""
    objects = [dcmread(file) for file in files]
    entity = AE(ae_title=calling)
    for kind, syntax in sorted({(one.SOPClassUID, one.file_meta.TransferSyntaxUID) for one in objects}):
        entity.add_requested_context(kind, syntax)
    assoc = entity.associate("127.0.0.1", port, ae_title=called, **named)
    if not assoc.is_established:
        return None
    statuses = []
    try:
        for one in objects:
            statuses.append(assoc.send_c_store(one).get("Status"))
    except RuntimeError:  # the association was lost
        pass
    finally:
        if assoc.is_established:
            assoc.release()
    return statuses + [None] * (len(objects) - len(statuses))


@contextmanager
def orthanc(folder):
    """Run Orthanc as PACS; gives its DICOM port and its HTTP address."""
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
    """Study and SOP Instance UIDs that Orthanc holds of a modality, sorted."""
    found = []
    for one in get_json(f"{address}/series?expand"):
        if one["MainDicomTags"].get("Modality") == modality:
            study = get_json(f"{address}/studies/{one['ParentStudy']}")["MainDicomTags"]["StudyInstanceUID"]
            for instance in one["Instances"]:
                tags = get_json(f"{address}/instances/{instance}")["MainDicomTags"]
                found.append((study, tags["SOPInstanceUID"]))
    return sorted(found)


def _answers(url):
    try:
        return get_json(url)
    except OSError:
        return None


class NodeProcess:
    """`cipa serve` in a process of its own."""

    def __init__(self, folder, text, threads=1):
        folder.mkdir(parents=True, exist_ok=True)
        self.config, self.log = folder / "serve.yaml", folder / "log.jsonl"
        self.config.write_text(text)
        self.environment = os.environ | {"PYTHONPATH": str(SOURCES), "OMP_NUM_THREADS": str(threads)}
        self.process = None

    def start(self, event="ready"):
        """Start it and wait until it says that it is ready, or `listening`, which comes first."""
        begun = self.count(event)
        with self.log.open("a") as log:
            words = [sys.executable, "-m", "cipa", "serve", "--config", str(self.config)]
            self.process = subprocess.Popen(words, stderr=log, env=self.environment)
        atexit.register(self.process.kill)  # where a test or a measurement fails
        wait_for(lambda: self.process.poll() is not None or self.count(event) > begun, START_S)
        assert self.process.poll() is None, self.log.read_text()

    def lines(self, event=None):
        """Return the lines of its log, or those of one event."""
        text = self.log.read_text() if self.log.exists() else ""
        found = [json.loads(line) for line in text.splitlines() if line[:1] + line[-1:] == "{}"]
        return [one for one in found if event in (None, one["event"])]

    def count(self, event):
        """Return how many lines of an event its log has."""
        return len(self.lines(event))

    def kill(self):
        """Kill it (SIGKILL)."""
        self.process.kill()
        self.process.wait()

    def stop(self):
        """End it (SIGTERM) and return its exit code."""
        self.process.terminate()
        return self.process.wait(120)

    def family(self):
        """The node's process and its worker's."""
        node = psutil.Process(self.process.pid)
        return [node, *node.children(recursive=True)]

    def megabytes(self):
        """Resident memory of node and worker."""
        return sum(one.memory_info().rss for one in self.family()) / 2**20

    def cpu_seconds(self):
        """Processor time of node and worker."""
        return sum(sum(one.cpu_times()[:2]) for one in self.family())


def write_weights(folder):
    """Write the weights of a small network that was never trained: 128 x 128 pixels, no tumour anywhere."""
    import torch

    from cipa import create_model

    torch.manual_seed(0)
    create_model("nano", image_size=128, threshold=0.999).save_pretrained(folder)
    return folder


def write_template(folder, slices=4):
    """Write the headers and pixels that small studies are copies of: a few slices of a phantom's thorax."""
    from cipa.phantom.study import write_phantom_studies

    write_phantom_studies(folder, 1, seed=0, size=128, workers=1)
    found = []
    for kind in ("CT", "PET"):
        files = sorted((folder / "studies" / "0001" / kind).glob("*.dcm"))
        files = files[len(files) // 2 :][:slices]
        found += [dcmread(file) for file in files]
    return found


def write_copy(template, folder):
    """Write a study under UIDs of its own, and return its files."""
    folder.mkdir(parents=True)
    study, frame, series, files = generate_uid(), generate_uid(), {}, []
    for number, one in enumerate(template):
        own = series.setdefault(one.SeriesInstanceUID, generate_uid())
        kept = one.SeriesInstanceUID, one.SOPInstanceUID
        one.StudyInstanceUID, one.FrameOfReferenceUID, one.SOPInstanceUID = study, frame, generate_uid()
        one.SeriesInstanceUID = own
        one.file_meta.MediaStorageSOPInstanceUID = one.SOPInstanceUID
        files.append(folder / f"{number:03d}.dcm")
        one.save_as(files[-1])
        one.SeriesInstanceUID, one.SOPInstanceUID = kept
    return files
