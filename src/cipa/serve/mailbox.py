"""What another process asks of a node: files in the spool, taken whether the node runs now or later."""

import json
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

from cipa.errors import DataError
from cipa.files import atomic_file
from cipa.readers import read_json_object
from cipa.serve.spool import Spool


def leave_request(spool: Spool, verb: str, **details: str) -> None:
    """Leave a request.

    Args:
        spool: of the node.
        verb: `retry` or `fetch`.
        details: of the verb.
    """
    name = f"{time.time_ns():020d}-{secrets.token_hex(4)}.json"
    with atomic_file(spool.requests / name) as partial:
        partial.write_text(json.dumps({"verb": verb, **details}), encoding="utf-8")


def read_requests(spool: Spool) -> Iterator[tuple[Path, dict[str, str]]]:
    """Give the requests in their order, each with its file, which whoever has dealt with it deletes."""
    for path in sorted(spool.requests.glob("[0-9]*.json")):
        try:
            found = read_json_object(path, "delete it")
        except DataError:
            found = {}
        yield path, found
