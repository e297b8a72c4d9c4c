"""One whole study: from the last byte of C-STORE, without the quiet time, to its SEG in the PACS."""

import time

from benchmarks.serve.load import settings_text
from benchmarks.serve.tools import NodeProcess, free_port, orthanc, send, stored, wait_for

QUIET_S = 2.0


def measure(folder, study, threads, seconds):
    """Send the DICOM files below `study` to a node with the bundled weights; return rows of a table."""
    files = sorted(one for one in study.rglob("*") if one.suffix.lower() in (".dcm", ".ima", ""))
    files = [one for one in files if one.is_file()]
    with orthanc(folder / "pacs") as (pacs, address):
        port = free_port()
        more = {"study": f"{{quiet_s: {QUIET_S:g}}}", "segmentation": "{device: cpu}"}
        text = settings_text(folder, port, pacs, "", **more)
        node = NodeProcess(folder / "node", text, threads)
        node.start()
        began, cpu = time.monotonic(), node.cpu_seconds()
        statuses = send(port, files)
        sent, cpu_sent = time.monotonic(), node.cpu_seconds()
        wait_for(lambda: stored(address, "SEG"), seconds)
        done, cpu_done = time.monotonic(), node.cpu_seconds()
        segmented = node.lines("study segmented")[-1]
        node.stop()
    return [
        ("files acknowledged", f"{statuses.count(0)} of {len(files)}"),
        ("seconds to receive them", round(sent - began, 1)),
        ("CPU seconds to receive them", round(cpu_sent - cpu, 1)),
        (
            "seconds from last byte and quiet time to the SEG in the PACS",
            round(done - sent - QUIET_S, 1),
        ),
        ("CPU seconds of that", round(cpu_done - cpu_sent, 1)),
        ("of these the turn of the study, seconds", segmented["seconds"]),
        ("lesions", segmented["lesions"]),
    ]
