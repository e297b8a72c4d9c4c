"""What the server refuses, with the status of HTTP (RFC 9110) that the page goes by."""

from typing import Any

from cipa.errors import CipaError


class Refusal(CipaError):
    """A request that cannot be done. Its message is one line for the person at the page.

    Attributes:
        status: of HTTP.
        details: what else the answer holds, in types that JSON knows.
    """

    def __init__(self, status: int, message: str, **details: Any) -> None:
        super().__init__(message)
        self.status, self.details = status, details
