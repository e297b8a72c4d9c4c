"""The server under the DICOM node: pynetdicom's, with bounds on what a peer may make it hold.

pynetdicom reads as many bytes as a PDU's header announces (up to 4 GiB), queues messages that nobody waits
for, and greets a TLS client on the thread that accepts connections. Here a PDU, the bytes of messages not yet
answered, the time for them and the number of connections have limits, and a greeting holds up its own thread.
"""

import socketserver
import threading
from socket import socket
from typing import Any

from pynetdicom.transport import AssociationSocket, RequestHandler, ThreadedAssociationServer

from cipa.serve.settings import Limits

LONGEST_PDU = 2**20
"""Bytes that peers are told to send at most in a PDU (PS3.8, D.1)."""

SLACK = 2**16
"""Bytes beyond it that are still read: an association request with many contexts has as many."""

OVERHEAD = 2**12
"""Bytes of a message beside its data set."""

READ = 2**18
"""Bytes asked of the system at a time."""


class Budget:
    """Bytes in memory of messages that were not yet answered: of one connection, and of all."""

    def __init__(self, limits: Limits) -> None:
        """Take the limits on one object and on all."""
        self.one, self.all = limits.object_mb * 2**20 + OVERHEAD, limits.receiving_mb * 2**20
        self.total = 0
        self.lock = threading.Lock()

    def add(self, held: int, number: int) -> int:
        """Return what a connection holds after so many bytes more.

        Raises:
            OSError: too much; the connection is closed.
        """
        with self.lock:
            if held + number > self.one or self.total + number > self.all:
                raise OSError("more is sent than fits into memory")
            self.total += number
            return held + number

    def release(self, held: int, number: int) -> int:
        """Return what a connection holds after so many bytes less."""
        with self.lock:
            number = min(held, number)
            self.total -= number
            return held - number


class BoundedSocket(AssociationSocket):
    """A connection that reads no more than the budget allows."""

    def __init__(self, assoc: Any, client_socket: socket, budget: Budget, idle_s: float) -> None:
        """Take over a connection that was accepted."""
        super().__init__(assoc, client_socket=client_socket)
        client_socket.settimeout(idle_s)
        self.budget, self.held = budget, 0

    def recv(self, nr_bytes: int) -> bytearray:
        """Read so many bytes; fewer where the peer closes the connection.

        Raises:
            OSError: the PDU is too long, the budget is used up, or the peer was silent for too long.
        """
        if nr_bytes > LONGEST_PDU + SLACK:
            raise OSError("a PDU longer than agreed on")
        self.held = self.budget.add(self.held, nr_bytes)
        found, connection = bytearray(), self.socket
        assert connection is not None
        while len(found) < nr_bytes:
            piece = connection.recv(min(READ, nr_bytes - len(found)))
            if not piece:
                break
            found += piece
        return found

    def answered(self, number: int) -> None:
        """Note that a message of so many bytes has been dealt with."""
        self.held = self.budget.release(self.held, number + OVERHEAD)

    def close(self) -> None:
        """Close the connection and give its part of the budget back."""
        self.held = self.budget.release(self.held, self.held)
        super().close()


class BoundedHandler(RequestHandler):
    """Makes an association of a connection, as pynetdicom does, on a `BoundedSocket`."""

    server: "NodeServer"

    def _create_association(self) -> Any:
        assoc = super()._create_association()
        assoc.dul.event_queue.get_nowait()  # the connection was announced, and is by the next line again
        bounded = BoundedSocket(assoc, self.request, self.server.budget, self.server.limits.idle_s)
        assoc.dul.socket = bounded
        return assoc


class NodeServer(ThreadedAssociationServer):
    """Accepts connections."""

    def __init__(self, *words: Any, limits: Limits, **named: Any) -> None:
        """Listen, with pynetdicom's arguments and limits."""
        self.limits, self.budget = limits, Budget(limits)
        super().__init__(*words, **named, request_handler=BoundedHandler)  # type: ignore[misc]

    def get_request(self) -> tuple[socket, tuple[str, int]]:
        """Accept a connection; a TLS greeting is left to the thread that reads from it.

        Raises:
            OSError: there are too many; the new one is closed.
        """
        assert self.socket is not None
        client, address = self.socket.accept()
        client.settimeout(self.limits.idle_s)
        if len(self.active_associations) >= 2 * self.limits.associations + 8:  # some may say nothing at all
            client.close()
            raise OSError("too many connections")
        if self.ssl_context is not None:
            client = self.ssl_context.wrap_socket(client, server_side=True, do_handshake_on_connect=False)
        return client, address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Let a connection that could not be begun go; it is closed."""

    def shutdown(self) -> None:
        """Stop accepting connections; associations go on."""
        socketserver.BaseServer.shutdown(self)
        self.server_close()
