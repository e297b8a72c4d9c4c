"""The page of `cipa view` with a study's data as one HTML file, which opens without a server."""

import base64
import html
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cipa.view.embedded import Embedded

PAGE = Path(__file__).parent / "page"
"""Folder of the page's files."""

MOST_BYTES = 15_000_000
"""Of a file: what mail and a PACS viewer's attachment take."""

ENGINE, SOURCE = "niivue.umd.js", "api.js"
REPLACES_SOURCE = "embedded.js"

POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'wasm-unsafe-eval' data: blob:; worker-src blob:; "
    "style-src 'unsafe-inline'; img-src blob: data:; font-src data:; connect-src blob: data:; "
    "base-uri 'none'; form-action 'none'"
)
"""Content security policy of the file: no request to anywhere, whatever it holds."""


def page_bytes() -> int:
    """Return how many bytes a file has before its data."""
    return len(standalone_page({}, {}, ()).encode())


def standalone_page(
    result: Mapping[str, Any], volumes: Mapping[str, Embedded], frames: Sequence[bytes]
) -> str:
    """Return the file.

    Args:
        result: as the server describes it (docs/view.md), with `copy` true.
        volumes: by the name the page asks for: `ct.nii`, `pet.nii`, `mask-0`, ...
        frames: PNGs of the rotating projection.
    """
    page = (PAGE / "index.html").read_text(encoding="utf-8")
    style = (PAGE / "style.css").read_text(encoding="utf-8")
    engine = (PAGE / ENGINE).read_text(encoding="utf-8")
    swaps = {
        '<link rel="stylesheet" href="/assets/style.css">': f"<style>\n{style}</style>",
        f'<script src="/assets/{ENGINE}" defer></script>': _import_map(),
        '<script type="module" src="/assets/viewer.js"></script>': "",
        "<head>": f'<head>\n<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
        "</body>": "\n".join(
            [
                *_data(result, volumes, frames),
                f"<script>{engine}</script>",
                '<script type="module">import "cipa/viewer.js";</script>\n</body>',
            ]
        ),
    }
    for old, new in swaps.items():
        if page.count(old) != 1:
            raise ValueError(f"index.html holds {old} {page.count(old)} times")
        page = page.replace(old, new)
    return page


def _import_map() -> str:
    """Return the page's modules as data, by names that do not depend on where the file lies."""
    modules = {}
    for path in sorted(PAGE.glob("*.js")):
        if path.name in (ENGINE, SOURCE):
            continue
        text = re.sub(r'(from|import) "\./([\w-]+\.js)"', r'\1 "cipa/\2"', path.read_text(encoding="utf-8"))
        name = SOURCE if path.name == REPLACES_SOURCE else path.name
        modules[f"cipa/{name}"] = f"data:text/javascript;base64,{_base64(text.encode())}"
    return f'<script type="importmap">{json.dumps({"imports": modules})}</script>'


def _data(
    result: Mapping[str, Any], volumes: Mapping[str, Embedded], frames: Sequence[bytes]
) -> Iterator[str]:
    kind = 'type="text/plain"'
    yield f'<script {kind} data-part="result">{_json(result)}</script>'
    for name, volume in volumes.items():
        about = html.escape(json.dumps(volume.as_dict()))
        yield f'<script {kind} data-part="{name}" data-volume="{about}">{volume.text()}</script>'
    for number, frame in enumerate(frames):
        yield f'<script {kind} data-part="mip-{number}">{_base64(frame)}</script>'


def _json(result: Mapping[str, Any]) -> str:
    """Return JSON that no text within can end the element of: names come from headers and people."""
    return json.dumps(result).replace("<", "\\u003c")


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
