"""Who may ask: programs on this machine, and those that have the key. Pages of other origins may not.

Beside the checks of `address`, a body must be JSON by its type, which a page may not send to others unasked. Knows
nothing of what is asked for.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from motionmcp.errors import ProtocolError

from cli.server.address import find_foreign

OPEN_PATHS = ("/docs", "/openapi.json")
"""Pages that need no key, for a browser cannot send one: they describe the server and hold nothing."""


@dataclass(frozen=True)
class Access:
    """Where the server listens, and the key it asks for."""

    host: str
    port: int
    key: str | None = None
    """None on the loopback address, where every program of this machine may ask."""

    def check(self, method: str, path: str, headers: Mapping[str, str]) -> None:
        """ProtocolError where a request may not be answered; `headers` have small letters."""
        if foreign := find_foreign(method, headers, self.host, self.port):
            raise ProtocolError("forbidden", foreign)
        if self.key is not None and not path.startswith(OPEN_PATHS):
            given = headers.get("authorization", "").partition(" ")
            if given[0].lower() != "bearer" or not secrets.compare_digest(given[2].strip().encode(), self.key.encode()):
                raise ProtocolError(
                    "unauthorized", "this server needs its key, in the header Authorization: Bearer KEY"
                )
        if method == "POST" and headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise ProtocolError("schema_validation", "expected a body of the type application/json")
