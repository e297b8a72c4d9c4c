"""The server's routes: requests become calls of the workbench, what it raises becomes a line of JSON."""

import re
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from anyio.to_thread import run_sync
from isal import isal_zlib
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from cipa.io.volume import Volume
from cipa.view.answers import answer_error
from cipa.view.describe import stamp_of
from cipa.view.guard import Guard
from cipa.view.labels import MOST_PACKED, unpack_labels
from cipa.view.page_order import PageGrid, nifti_head, page_grid, page_order, sent_dtype, slices_of
from cipa.view.refusal import Refusal
from cipa.view.workbench import Change, Workbench, grid_of

PAGE = Path(__file__).parent / "page"
"""Folder of the page's files."""

TAB = re.compile(r"[A-Za-z0-9_-]{1,64}")
ASSET = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")
TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".css": "text/css", ".wasm": "application/wasm"}
VOLUME = "application/octet-stream"

Handler = Callable[[Request], Awaitable[Response]]


def create_app(
    workbench: Workbench, token: str, port: int, quit_server: Callable[[], None], page: Path = PAGE
) -> ASGIApp:
    """Make the server.

    Args:
        workbench: what it serves.
        token: that requests must carry.
        port: it listens at.
        quit_server: called when the page asks to end it.
        page: folder of the page's files.

    Returns:
        An ASGI application.
    """
    routes = _Routes(workbench, quit_server, page)
    result = "/api/results/{key}"
    table: list[tuple[str, Handler, str]] = [
        ("/", routes.index, "GET"),
        ("/assets/{name}", routes.asset, "GET"),
        ("/api/results", routes.results, "GET"),
        (result, routes.result, "GET"),
        (f"{result}/mip/{{frame}}.png", routes.frame, "GET"),
        (f"{result}/autosave", routes.keep, "PUT"),
        (f"{result}/autosave", routes.drop, "DELETE"),
        (f"{result}/save", routes.save, "POST"),
        ("/api/quit", routes.quit, "POST"),
    ]
    for ending in ("nii", "nii.gz"):
        table += [(f"{result}/{kind}.{ending}", routes.image, "GET") for kind in ("ct", "pet")]
        table.append((f"{result}/mask.{ending}", routes.mask, "GET"))
    app = Starlette(
        routes=[Route(path, _answering(handler), methods=[method]) for path, handler, method in table],
        exception_handlers={404: _unknown, 405: _unknown},
    )
    return Guard(app, token, port)


class _Routes:
    """A method a route."""

    def __init__(self, workbench: Workbench, quit_server: Callable[[], None], page: Path) -> None:
        self.workbench, self.quit_server, self.page = workbench, quit_server, page

    async def index(self, request: Request) -> Response:
        """Give the page."""
        return FileResponse(self.page / "index.html", media_type="text/html")

    async def asset(self, request: Request) -> Response:
        """Give a file of the page, and none that a link leads to."""
        name = request.path_params["name"]
        path = self.page / name
        if not ASSET.fullmatch(name) or path.is_symlink() or not path.is_file():
            raise Refusal(404, "no such file of the page")
        return FileResponse(path, media_type=TYPES.get(path.suffix))

    async def results(self, request: Request) -> Response:
        """List the results."""
        return JSONResponse(await run_sync(self.workbench.list_results))

    async def result(self, request: Request) -> Response:
        """Give all of a result but its voxels."""
        return JSONResponse(await run_sync(self.workbench.describe, request.path_params["key"]))

    async def image(self, request: Request) -> Response:
        """Give CT or PET, a slice at a time."""
        place = await run_sync(self.workbench.place, request.path_params["key"])
        study = await run_sync(self.workbench.study, place)
        kind = "ct" if "/ct.nii" in request.url.path else "pet"
        if kind not in study.pair.inputs:
            raise Refusal(404, f"no {kind.upper()} was given")
        volume: Volume = getattr(study.pair, kind)
        return _volume_response(request, volume, f"{stamp_of(place.folder)}-{kind}")

    async def mask(self, request: Request) -> Response:
        """Give the labels of a revision."""
        place = await run_sync(self.workbench.place, request.path_params["key"])
        revision = request.query_params.get("revision", "")
        rejected = request.query_params.get("rejected", "") in ("1", "true")
        found = await run_sync(self.workbench.labels, place, revision, rejected)
        if isinstance(found, bytes):
            grid = await run_sync(grid_of, place)
            view = await run_sync(unpack_labels, found, grid)
            return _response(request, grid, view, "")
        return _volume_response(request, found, "")

    async def frame(self, request: Request) -> Response:
        """Give a frame of the rotating projection."""
        place = await run_sync(self.workbench.place, request.path_params["key"])
        number = request.path_params["frame"]
        if not number.isascii() or not number.isdigit() or len(number) > 4:
            raise Refusal(404, "no such frame")
        return Response(await run_sync(self.workbench.frame, place, int(number)), media_type="image/png")

    async def keep(self, request: Request) -> Response:
        """Keep strokes that are not saved."""
        change = await _read_change(request)
        await run_sync(self.workbench.keep, request.path_params["key"], change)
        return Response(status_code=204)

    async def drop(self, request: Request) -> Response:
        """Forget strokes that are not saved."""
        await run_sync(self.workbench.drop, request.path_params["key"], _tab(request), _takes_over(request))
        return Response(status_code=204)

    async def save(self, request: Request) -> Response:
        """Make a revision."""
        change = await _read_change(request)
        return JSONResponse(await run_sync(self.workbench.save, request.path_params["key"], change))

    async def quit(self, request: Request) -> Response:
        """End the server."""
        self.quit_server()
        return Response(status_code=204)


def _answering(handler: Handler) -> Handler:
    """Turn whatever a route raises into a line of JSON."""

    async def answer(request: Request) -> Response:
        """Run the route."""
        try:
            return await handler(request)
        except Exception as error:
            return answer_error(error)

    return answer


async def _unknown(request: Request, error: Exception) -> Response:
    status = getattr(error, "status_code", 404)
    return JSONResponse({"error": "no such address or method; see docs/view.md"}, status)


async def _read_change(request: Request) -> Change:
    """Read what a tab sends, no more of it than a mask can have.

    Raises:
        Refusal: malformed (400), or too large (413).
    """
    revision = request.headers.get("x-cipa-revision", "")
    if not revision.isascii() or not revision.isdigit() or len(revision) > 6:
        raise Refusal(400, "X-Cipa-Revision: give the number of the revision this is based on")
    tab, body = _tab(request), bytearray()
    if int(request.headers.get("content-length", "0") or 0) > MOST_PACKED:
        raise Refusal(413, "more bytes than a mask can have")
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_PACKED:
            raise Refusal(413, "more bytes than a mask can have")
    edits = request.headers.get("x-cipa-edits")
    stamp = request.headers.get("x-cipa-stamp", "")
    return Change(bytes(body), int(revision), tab, edits, _takes_over(request), stamp)


def _tab(request: Request) -> str:
    tab = request.headers.get("x-cipa-tab", "")
    if not TAB.fullmatch(tab):
        raise Refusal(400, "X-Cipa-Tab: give a random word of letters and digits, the same for all of a tab")
    return tab


def _takes_over(request: Request) -> bool:
    return request.headers.get("x-cipa-take-over", "") in ("1", "true")


def _volume_response(request: Request, volume: Volume, tag: str) -> Response:
    grid = page_grid(volume.shape, volume.affine)
    view = page_order(volume.array, volume.affine)
    if not tag and int(volume.array.max(initial=0)) <= 255:
        view = view.astype(np.uint8)
    return _response(request, grid, view, tag)


def _response(request: Request, grid: PageGrid, view: Any, tag: str) -> Response:
    """Send a volume a slice at a time, packed where its name ends in .gz."""
    headers = {}
    if tag:
        headers["ETag"] = f'"{tag}"'
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=304, headers=headers)
    dtype = sent_dtype(view)
    if request.url.path.endswith(".gz"):
        return StreamingResponse(_packed(grid, view, dtype), media_type=VOLUME, headers=headers)
    headers["Content-Length"] = str(352 + grid.voxels * dtype.itemsize)
    return StreamingResponse(_plain(grid, view, dtype), media_type=VOLUME, headers=headers)


def _plain(grid: PageGrid, view: Any, dtype: np.dtype) -> Iterator[bytes]:
    yield nifti_head(grid, dtype)
    yield from slices_of(view, dtype)


def _packed(grid: PageGrid, view: Any, dtype: np.dtype) -> Iterator[bytes]:
    """Give a volume as gzip, by ISA-L at its fastest level."""
    packer = isal_zlib.compressobj(0, isal_zlib.DEFLATED, 31)
    for piece in _plain(grid, view, dtype):
        if packed := packer.compress(piece):
            yield packed
    yield packer.flush()
