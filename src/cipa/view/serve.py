"""Run the server at a port of 127.0.0.1, until Ctrl-C or until the page asks it to end."""

import ctypes
import secrets
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Thread, current_thread, main_thread

import uvicorn

from cipa.errors import UsageError
from cipa.view.app import create_app
from cipa.view.workbench import Workbench

HOST = "127.0.0.1"
MOST_HEADER_BYTES = 256 * 1024
"""Names and states of 255 lesions in `X-Cipa-Edits`; uvicorn's own limit is a quarter of it."""

SECONDS_TO_FINISH = 10
"""Given to requests under way when the server ends: a save is done by then."""


def serve(workbench: Workbench, port: int, ready: Callable[[str], None]) -> None:
    """Serve until asked to end.

    Args:
        workbench: what is served.
        port: 0 for a free one.
        ready: called with the address, token included, when connections are taken.

    Raises:
        UsageError: the port is taken.
    """
    listening = _listen(port)
    port = listening.getsockname()[1]
    token = secrets.token_urlsafe(24)

    def stop() -> None:
        """End after the requests under way."""
        server.should_exit = True

    _return_memory()
    Thread(
        target=workbench.warm_up
    ).start()  # a daemon, ended within a library's C++, would abort the process
    config = uvicorn.Config(
        create_app(workbench, token, port, stop),
        log_level="warning",
        access_log=False,
        server_header=False,
        h11_max_incomplete_event_size=MOST_HEADER_BYTES,
        timeout_graceful_shutdown=SECONDS_TO_FINISH,
        lifespan="off",
        http="h11",
        ws="none",
        loop="asyncio",
    )
    server = uvicorn.Server(config)
    with listening, _ended_by_ctrl_c(stop):
        ready(f"http://{HOST}:{port}/?token={token}")
        try:
            server.run(sockets=[listening])
        finally:
            workbench.closing = True


@contextmanager
def _ended_by_ctrl_c(stop: Callable[[], None]) -> Iterator[None]:
    """Let Ctrl-C end the server also before uvicorn listens to it, once its loop runs."""
    before = signal.getsignal(signal.SIGINT)
    if current_thread() is not main_thread() or before == signal.SIG_IGN:
        yield
        return
    signal.signal(signal.SIGINT, lambda *_: stop())
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _return_memory() -> None:
    """Let the C library give back what large arrays took (mallopt(3) of glibc; others do so by themselves).

    It raises the size from which it does as arrays come and go, and each thread keeps its own: of a CT of
    512 x 512 x 135 the process then had 648 MB after three saves, and has 526 MB with these two.
    """
    threshold, arenas = -3, -8
    with suppress(OSError, AttributeError, TypeError):
        library = ctypes.CDLL(None)
        library.mallopt(threshold, 2**20)
        library.mallopt(arenas, 2)


def _listen(port: int) -> socket.socket:
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
    except OSError as error:
        listening.close()
        raise UsageError(
            f"--port {port}: taken or not allowed ({error.strerror}); leave it out for a free one"
        ) from error
    listening.listen(128)
    return listening
