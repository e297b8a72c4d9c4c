"""Damaged associations and files: the node must answer or close every one, and go on serving."""

import random
import select
import socket
import threading
import time
from collections import Counter

from pynetdicom import AE, evt

from benchmarks.serve.load import settings_text
from benchmarks.serve.tools import NodeProcess, free_port, orthanc, send, write_copy

CLIENTS = 16

HANG_S = 30.0
"""A connection that is neither answered nor closed for so long hangs; idle associations end after IDLE_S."""

IDLE_S = 3

ANSWER_S = 0.3
"""Seconds that an answer is waited for before the next PDU is sent."""


def measure(folder, template, weights, count, seed, seconds):
    """Send `count` damaged streams; return rows of a table."""
    files = write_copy(template, folder / "study")
    with orthanc(folder / "pacs") as (pacs, _):
        port = free_port()
        limits = {"limits": f"{{free_mb: 0, idle_s: {IDLE_S}, associations: 50, object_mb: 8}}"}
        node = NodeProcess(folder / "node", settings_text(folder, port, pacs, weights, **limits))
        node.start()
        stream, outcomes, sizes = record(port, files[0]), Counter(), [node.megabytes()]
        until = time.monotonic() + seconds

        def client(number):
            random_ = random.Random(seed * CLIENTS + number)
            for _ in range(count // CLIENTS):
                if time.monotonic() > until:
                    return
                outcomes[attack(port, damage(stream, random_), random_)] += 1

        threads = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            time.sleep(2.0)
            sizes.append(node.megabytes())
        is_alive = node.process.poll() is None
        statuses = send(port, files)
        sizes.append(node.megabytes())
        code = node.stop()
    return [
        ("damaged streams", sum(outcomes.values())),
        *sorted(outcomes.items()),
        ("node alive", "yes" if is_alive else "no"),
        ("a whole study afterwards", f"{(statuses or []).count(0)} of {len(files)} objects acknowledged"),
        ("objects refused", node.count("object refused")),
        ("exceptions that ended a thread", node.count("thread ended")),
        ("MB before, at most, after", f"{sizes[0]:.0f}, {max(sizes):.0f}, {sizes[-1]:.0f}"),
        ("exit code after SIGTERM", code),
    ]


def record(port, file):
    """Return the PDUs of an association that verifies and stores an object, as a client sends them."""
    from pydicom import dcmread

    sent, one, entity = [], dcmread(file), AE(ae_title="SENDER")
    entity.add_requested_context("1.2.840.10008.1.1")
    entity.add_requested_context(one.SOPClassUID, one.file_meta.TransferSyntaxUID)
    handlers = [(evt.EVT_DATA_SENT, lambda event: sent.append(bytes(event.data)))]
    assoc = entity.associate("127.0.0.1", port, ae_title="CIPA", evt_handlers=handlers)
    assoc.send_c_echo()
    assoc.send_c_store(one)
    assoc.release()
    return sent


def damage(stream, random_):
    """Return the PDUs of a stream with a few changes: bits, lengths, order, cuts, or other bytes at all."""
    pdus = [bytearray(one) for one in stream]
    kind = random_.choice(
        ("bits", "length", "order", "cut", "noise", "header", "content", "content", "at once")
    )
    if kind == "order":
        random_.shuffle(pdus)
    if kind == "noise":
        pdus = [bytearray(random_.randbytes(random_.randrange(1, 2000)))]
    if kind == "content":  # the association is sound, the data set is not; the UIDs are in its first bytes
        last = random_.choice((400, 3000, None))
        _flip(max(pdus, key=len), random_, random_.randrange(1, 40), first=12, last=last)
    if kind in ("bits", "header"):
        last = 200 if kind == "header" else None
        for _ in range(random_.randrange(1, 4)):
            _flip(random_.choice(pdus), random_, random_.randrange(1, 8), last=last)
    if kind == "length":
        length = random_.choice((0, 1, 2**16, 2**31, 2**32 - 1, random_.randrange(2**20)))
        random_.choice(pdus)[2:6] = length.to_bytes(4, "big")
    if kind == "cut":
        pdus = pdus[: random_.randrange(1, len(pdus) + 1)]
        pdus[-1] = pdus[-1][: random_.randrange(len(pdus[-1]))]
    return [b"".join(pdus)] if kind == "at once" else pdus


def _flip(one, random_, number, first=0, last=None):
    last = min(len(one), last or len(one))
    for _ in range(number if last > first else 0):
        one[random_.randrange(first, last)] ^= 1 << random_.randrange(8)


def attack(port, pdus, random_):
    """Send PDUs, each after a moment for the answer, and say how the node ended the connection."""
    answer = b""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=HANG_S) as peer:
            for one in pdus:
                peer.sendall(one)
                if select.select([peer], [], [], ANSWER_S)[0]:
                    piece = peer.recv(65536)
                    answer += piece
                    if not piece:
                        return "closed after answers" if len(answer) else "closed"
            if random_.random() < 0.9:
                peer.shutdown(socket.SHUT_WR)
            while piece := peer.recv(65536):
                answer += piece
            return "closed after answers" if answer else "closed"
    except TimeoutError:
        return "hung"
    except OSError:
        return "closed by reset"
