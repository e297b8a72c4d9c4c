"""The server under the DICOM node: pynetdicom's, with bounds on what a peer may make it hold.

pynetdicom reads as many bytes as a PDU's header announces (up to 4 GiB), queues messages that nobody waits
for, and greets a TLS client on the thread that accepts connections. Here a PDU, the bytes of messages not yet
answered, the time for them and the number of connections have limits, and a greeting holds up its own thread.
"""

import socketserver
import threading
from collections.abc import Callable
from contextlib import suppress
from socket import SHUT_RDWR, socket
from typing import Any
from weakref import WeakSet

from pynetdicom.transport import AssociationSocket, RequestHandler, ThreadedAssociationServer

from cipa.serve.log import warn
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
        self.connections: WeakSet[BoundedSocket] = WeakSet()
        self.lock = threading.Lock()

    @property
    def total(self) -> int:
        """Bytes of all connections that are still read from."""
        return sum(one.held for one in list(self.connections) if one.assoc.dul.is_alive())

    def add(self, connection: "BoundedSocket", number: int) -> None:
        """Count so many bytes more of a connection.

        Raises:
            OSError: too much; the connection is closed.
        """
        with self.lock:
            if connection.held + number > self.one or self.total + number > self.all:
                raise OSError("more is sent than fits into memory")
            connection.held += number

    def release(self, connection: "BoundedSocket", number: int) -> None:
        """Count so many bytes less of a connection."""
        with self.lock:
            connection.held -= min(connection.held, number)


class BoundedSocket(AssociationSocket):
    """A connection that reads no more than the budget allows."""

    def __init__(self, assoc: Any, client_socket: socket, budget: Budget, idle_s: float) -> None:
        """Take over a connection that was accepted."""
        super().__init__(assoc, client_socket=client_socket)
        client_socket.settimeout(idle_s)
        self.budget, self.held = budget, 0
        budget.connections.add(self)

    def recv(self, nr_bytes: int) -> bytearray:
        """Read so many bytes; fewer where the peer closes the connection.

        Raises:
            OSError: the PDU is too long, the budget is used up, or the peer was silent for too long.
        """
        connection = self.socket
        if connection is None:
            raise OSError("the connection is closed")
        try:
            if nr_bytes > LONGEST_PDU + SLACK:
                raise OSError("a PDU longer than agreed on")
            self.budget.add(self, nr_bytes)
            return _read(connection, nr_bytes)
        except OSError:
            self.cut()  # pynetdicom takes it for closed by the peer, and would leave it open
            raise

    def release(self, number: int) -> None:
        """Note that a message of so many bytes has been dealt with."""
        self.budget.release(self, number + OVERHEAD)

    def cut(self) -> None:
        """Close the connection at once, also for who is reading from it."""
        with suppress(OSError):
            if self.socket is not None:
                self.socket.shutdown(SHUT_RDWR)

    def give_up(self) -> None:
        """Give the connection back to the system, which else has it until Python's collector comes by."""
        if self.socket is not None:
            self.socket.close()


def _read(connection: socket, number: int) -> bytearray:
    found = bytearray()
    while len(found) < number:
        piece = connection.recv(min(READ, number - len(found)))
        if not piece:
            break
        found += piece
    return found


def _closing(run: Callable[[], None], connection: BoundedSocket, is_reader: bool) -> Callable[[], None]:
    """Return what runs a thread of an association, and closes its connection however that ends.

    A message can be so damaged that pynetdicom raises; the peer would wait for an answer that never comes.

    Args:
        run: of the thread.
        connection: of the association.
        is_reader: whether it is the thread that reads and writes: nobody uses the connection after it.
    """

    def run_and_close() -> None:
        """Run, log what is raised by its kind, and close."""
        try:
            run()
        except Exception as error:
            warn("association broken", reason=type(error).__name__)
        finally:
            connection.cut()
            if is_reader:
                connection.give_up()

    return run_and_close


class BoundedHandler(RequestHandler):
    """Makes an association of a connection, as pynetdicom does, on a `BoundedSocket`."""

    server: "NodeServer"

    def _create_association(self) -> Any:
        assoc = super()._create_association()
        assoc.dul.event_queue.get_nowait()  # the connection was announced, and is by the next line again
        bounded = BoundedSocket(assoc, self.request, self.server.budget, self.server.limits.idle_s)
        assoc.dul.socket = bounded
        for thread in (assoc, assoc.dul):
            is_reader = thread is assoc.dul
            thread.run = _closing(thread.run, bounded, is_reader)  # type: ignore[method-assign]
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
