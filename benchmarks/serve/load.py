"""Many small studies from several senders at once: each must come back exactly once, in steady memory."""

import threading
import time
from collections import Counter

from benchmarks.serve.tools import NodeProcess, free_port, orthanc, send, stored, wait_for, write_copy

SENDERS = 4


def settings_text(folder, port, pacs, weights, **more):
    """Settings of a node on `port` that sends to Orthanc at `pacs`."""
    lines = {
        "spool": str(folder / "spool"),
        "node": f"{{port: {port}, calling: [SENDER]}}",
        "study": "{quiet_s: 2, attempts: 100}",
        "segmentation": f"{{weights: ['{weights}'], device: cpu}}",
        "destinations": f"[{{name: pacs, host: 127.0.0.1, port: {pacs}, ae_title: PACS}}]",
        "retry": "{first_s: 1, longest_s: 5}",
        "limits": "{free_mb: 0}",
        **more,
    }
    return "".join(f"{name}: {value}\n" for name, value in lines.items())


def measure(folder, template, weights, count, seconds):
    """Send `count` studies and return rows of a table."""
    studies = [write_copy(template, folder / "studies" / f"{number:04d}") for number in range(count)]
    with orthanc(folder / "pacs") as (pacs, address):
        port = free_port()
        node = NodeProcess(folder / "node", settings_text(folder, port, pacs, weights))
        node.start()
        began, statuses = time.monotonic(), Counter()

        def sender(number):
            for files in studies[number::SENDERS]:
                statuses.update(send(port, files) or [None])

        threads = [threading.Thread(target=sender, args=(number,)) for number in range(SENDERS)]
        for thread in threads:
            thread.start()
        memory = [(0, node.megabytes())]
        until = began + seconds
        while time.monotonic() < until and node.count("result accepted") < count:
            time.sleep(1.0)
            memory.append((node.count("study segmented"), node.megabytes()))
        took, cpu = time.monotonic() - began, node.cpu_seconds()
        segs, reports = stored(address, "SEG"), stored(address, "SR")
        code = node.stop()
    per_study = Counter(study for study, _ in segs)
    return [
        ("studies sent, by senders at once", f"{count}, {SENDERS}"),
        ("C-STORE status 0000 / other", f"{statuses[0]} / {sum(statuses.values()) - statuses[0]}"),
        ("studies with exactly one SEG", sum(number == 1 for number in per_study.values())),
        ("studies with more", sum(number > 1 for number in per_study.values())),
        ("SR", len(reports)),
        ("segmented", node.count("study segmented")),
        ("seconds", round(took, 1)),
        ("CPU seconds of node and worker", round(cpu, 1)),
        *_memory_rows(memory, count),
        ("exit code after SIGTERM", code),
    ]


def _memory_rows(memory, count):
    """Memory after a quarter, a half and all of the studies."""
    rows = []
    for share in (0.1, 0.25, 0.5, 0.75, 1.0):
        reached = [size for number, size in memory if number >= share * count]
        if reached:
            rows.append((f"MB after {round(share * count)} studies", round(reached[0])))
    return rows


def deliver(port, files, stop, acknowledged):
    """Send a study until all of it is acknowledged; note each object that was."""
    left = list(files)
    while left and not stop.is_set():
        statuses = _attempt(port, left)
        for file, status in zip(list(left), statuses, strict=True):
            if status == 0:
                acknowledged.add(file)
                left.remove(file)
        if left:
            time.sleep(0.3)


def _attempt(port, files):
    try:
        return send(port, files) or [None] * len(files)
    except Exception:  # the node was killed meanwhile
        return [None] * len(files)


def wait_until_quiet(node, address, count, seconds):
    """Wait until Orthanc has a SEG of so many studies; return whether it has."""
    try:
        wait_for(lambda: len({study for study, _ in stored(address, "SEG")}) >= count, seconds)
        return True
    except AssertionError:
        return False
