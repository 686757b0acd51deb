"""Who may ask: programs on this machine, and those that have the key. Pages of other origins may not.

A browser lets any page send requests to a server on its user's machine. Three checks keep such pages out: `Host` must
be a name of this server (a page whose own name was pointed here has that name in it: DNS rebinding); `Origin` and
`Sec-Fetch-Site`, which pages cannot forge, must not be another's (CSRF); and a body must be JSON by its type, which a
page may not send to others unasked. Knows nothing of what is asked for.
"""

import ipaddress
import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from motionmcp.errors import ProtocolError

LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
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
        name, port = split_host(headers.get("host", ""))
        if is_loopback(self.host) and (name not in {*LOCAL_NAMES, self.host.lower()} or port not in (None, self.port)):
            raise ProtocolError("forbidden", "the request is for another host than this server")
        self._check_origin(method, headers)
        if self.key is not None and not path.startswith(OPEN_PATHS):
            given = headers.get("authorization", "").partition(" ")
            if given[0].lower() != "bearer" or not secrets.compare_digest(given[2].strip().encode(), self.key.encode()):
                raise ProtocolError(
                    "unauthorized", "this server needs its key, in the header Authorization: Bearer KEY"
                )
        if method == "POST" and headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise ProtocolError("schema_validation", "expected a body of the type application/json")

    def _check_origin(self, method: str, headers: Mapping[str, str]) -> None:
        """ProtocolError for a request that a page of another origin made; following a link is none."""
        origin, site = headers.get("origin"), headers.get("sec-fetch-site", "none")
        follows = method == "GET" and headers.get("sec-fetch-mode") == "navigate"
        if origin is not None and origin.partition("://")[2].lower() != headers.get("host", "").lower():
            raise ProtocolError("forbidden", f"pages of {origin[:80]!r} may not use this server")
        if site not in ("same-origin", "none") and not follows:
            raise ProtocolError("forbidden", "pages of another origin may not use this server")


def split_host(text: str) -> tuple[str, int | None]:
    """Name and port of a `Host` header; IPv6 addresses without their brackets. An odd port is -1."""
    name, _, port = text.strip().lower().rpartition(":") if not text.strip().endswith("]") else (text.strip(), "", "")
    if not name:
        name, port = port, ""
    number = (int(port) if port.isascii() and port.isdigit() and len(port) < 6 else -1) if port else None
    return name.removeprefix("[").removesuffix("]").removesuffix("."), number


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    try:
        return host.lower() == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
