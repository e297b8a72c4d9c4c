"""A node that is killed, or whose disk is full: nothing acknowledged may be lost, nothing sent twice."""

import random
import subprocess
import threading
import time
from collections import Counter
from contextlib import suppress

from pydicom import dcmread

from benchmarks.serve.load import SENDERS, deliver, settings_text, wait_until_quiet
from benchmarks.serve.tools import NodeProcess, free_port, orthanc, stored, wait_for, write_copy


def measure_kills(folder, template, weights, count, kills, seed, seconds):
    """Kill the node at random moments while studies are sent; return rows of a table."""
    random_ = random.Random(seed)
    studies = [write_copy(template, folder / "studies" / f"{number:04d}") for number in range(count)]
    until, moments = time.monotonic() + seconds, Counter()
    with orthanc(folder / "pacs") as (pacs, address):
        port = free_port()
        node = NodeProcess(folder / "node", settings_text(folder, port, pacs, weights))
        node.start()
        threads, stop, acknowledged = _send_all(port, studies, pause=seconds / 3 / count)
        done = 0
        while done < kills and time.monotonic() < until:
            if done % 2:  # else most kills strike while the network is loaded
                begun = node.count("study begun")
                with suppress(AssertionError):  # nothing is left to be segmented
                    wait_for(lambda begun=begun: node.count("study begun") > begun, 60)
            time.sleep(random_.uniform(0.0, 6.0))
            moments[_doing(node)] += 1
            node.kill()
            done += 1
            node.start("listening")
        for thread in threads:
            thread.join(max(1.0, until - time.monotonic()))
        stop.set()
        is_complete = wait_until_quiet(node, address, count, max(60.0, until - time.monotonic()))
        rows = _judge(node, address, studies, acknowledged, is_complete)
        node.stop()
    struck = ", ".join(f"{name} {number}" for name, number in sorted(moments.items()))
    return [("kills (SIGKILL) at random moments", done), ("what the node was doing", struck), *rows]


def measure_full_disk(folder, template, weights, count, seconds):
    """Give the node a disk that is too small, later a larger one; return rows of a table."""
    studies = [write_copy(template, folder / "studies" / f"{number:04d}") for number in range(count)]
    size = sum(file.stat().st_size for files in studies for file in files)
    spool = folder / "spool"
    spool.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size // 3}", "tmpfs", spool], check=True)
    try:
        with orthanc(folder / "pacs") as (pacs, address):
            port = free_port()
            node = NodeProcess(folder / "node", settings_text(folder, port, pacs, weights))
            node.start()
            threads, stop, acknowledged = _send_all(port, studies, pause=0.0)
            time.sleep(seconds / 6)
            refused = sum(one.get("status") == "A700" for one in node.lines("object refused"))
            before = len(acknowledged)
            subprocess.run(["mount", "-o", f"remount,size={size * 4}", spool], check=True)
            for thread in threads:
                thread.join(seconds)
            stop.set()
            is_complete = wait_until_quiet(node, address, count, seconds)
            rows = _judge(node, address, studies, acknowledged, is_complete)
            restarts = node.count("listening")
            node.stop()
    finally:
        subprocess.run(["umount", spool], check=True)
    return [
        ("disk, MB (studies have, MB)", f"{size / 3 / 2**20:.1f} ({size / 2**20:.1f})"),
        ("objects acknowledged on the full disk", before),
        ("refused with A700 (out of resources)", refused),
        ("no space left for a result", node.count("no space left for a result")),
        ("starts of the node", restarts),
        *rows,
    ]


def _send_all(port, studies, pause):
    """Send studies on several threads, each until it is acknowledged."""
    stop, acknowledged = threading.Event(), set()

    def sender(number):
        for files in studies[number::SENDERS]:
            deliver(port, files, stop, acknowledged)
            stop.wait(pause * SENDERS)

    threads = [threading.Thread(target=sender, args=(number,)) for number in range(SENDERS)]
    for thread in threads:
        thread.start()
    return threads, stop, acknowledged


def _doing(node):
    """What the log says that the node was at: segmenting, sending, or receiving and waiting."""
    events = [
        one["event"]
        for one in node.lines()
        if one["event"].split()[0] in ("study", "result", "ready", "listening")
    ]
    last = events[-1] if events else "listening"
    names = {"study begun": "segmenting", "study segmented": "sending", "listening": "loading the network"}
    return names.get(last, "receiving or waiting")


def _judge(node, address, studies, acknowledged, is_complete):
    """Compare what was acknowledged with the spool, and what Orthanc has with what was sent."""
    kept = {str(dcmread(one, specific_tags=["SOPInstanceUID"]).SOPInstanceUID) for one in _images(node)}
    lost = [one for one in acknowledged if str(dcmread(one).SOPInstanceUID) not in kept]
    segs, reports = stored(address, "SEG"), stored(address, "SR")
    return [
        ("studies, objects acknowledged", f"{len(studies)}, {len(acknowledged)}"),
        ("acknowledged and lost", len(lost)),
        ("all came back", "yes" if is_complete else "no"),
        ("studies with exactly one SEG and one SR", _exactly_one(segs, reports)),
        ("results under a second UID", _surplus(segs) + _surplus(reports)),
        ("held or given up", node.count("study held") + node.count("result given up")),
    ]


def _images(node):
    root = node.config.read_text().split("spool: ")[1].split("\n")[0]
    return subprocess.run(
        ["find", root, "-path", "*/images/*.dcm"], capture_output=True, text=True, check=True
    ).stdout.split()


def _studies(found):
    return [study for study, _ in found]


def _surplus(found):
    return len(found) - len(set(_studies(found)))


def _exactly_one(segs, reports):
    one, other = Counter(_studies(segs)), Counter(_studies(reports))
    return sum(one[study] == other[study] == 1 for study in one)
