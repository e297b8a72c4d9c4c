"""Who may ask the server: this machine's browser, with the token, from the server's own page.

A page of another site can make a browser send requests to 127.0.0.1, and a name of its own can point there
(DNS rebinding): the token, the Host header, and the origin keep both out.
"""

import hmac
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.datastructures import Headers, MutableHeaders, QueryParams
from starlette.responses import HTMLResponse, JSONResponse, Response

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' blob: data:; font-src 'self' data:; "
    "connect-src 'self' blob: data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Content security policy: nothing from outside; what NiiVue makes of its own (workers, fonts, styles)."""

HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}

NO_TOKEN = """<!doctype html><html lang="en"><meta charset="utf-8"><title>cipa view</title>
<body style="font: 1.1rem/1.5 sans-serif; margin: 4rem auto; max-width: 36rem">
<h1>This address lacks its token</h1>
<p>Open the address that <code>cipa view</code> printed, with all that stands behind
<code>?token=</code>. After a restart there is a new one.</p></body></html>
"""


class Guard:
    """Refuses requests before anything else sees them, and adds the headers above to every answer."""

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]], token: str, port: int) -> None:
        """Guard an application.

        Args:
            app: ASGI application.
            token: that requests must carry.
            port: the server's.
        """
        self.app, self.token = app, token
        self.hosts = {f"127.0.0.1:{port}", f"localhost:{port}"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return

        async def send_guarded(message: MutableMapping[str, Any]) -> None:
            """Add the headers."""
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
            await send(message)

        refusal = self._refuse(scope["path"], Headers(scope=scope), scope.get("query_string", b""))
        await (self.app if refusal is None else refusal)(scope, receive, send_guarded)

    def _refuse(self, path: str, headers: Headers, query: bytes) -> Response | None:
        host = headers.get("host", "")
        if len(headers.getlist("host")) != 1 or host.lower() not in self.hosts:
            return _forbid("this server answers to 127.0.0.1 and localhost alone")
        origin = headers.get("origin")
        if origin is not None and origin.lower() != f"http://{host.lower()}":
            return _forbid("this server answers to its own page alone")
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return _forbid("this server answers to its own page alone")
        if path.startswith("/api/") and not self._matches(headers.get("x-cipa-token", "")):
            return _forbid("wrong or missing token; open the address that cipa view printed")
        if path == "/" and not self._matches(_token_of(query)):
            return HTMLResponse(NO_TOKEN, 403)
        return None

    def _matches(self, given: str) -> bool:
        return hmac.compare_digest(given.encode("utf-8", "replace"), self.token.encode())


def _token_of(query: bytes) -> str:
    return QueryParams(query).get("token", "")


def _forbid(message: str) -> Response:
    return JSONResponse({"error": message}, 403)
