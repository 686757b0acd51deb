"""Where a server listens: its socket, its key, and whether a request is meant for it and not sent by a foreign page.

A browser lets any page send requests to a server on its user's machine. Two checks keep such pages out: `Host` must be
a name of this server (a page whose own name was pointed here has that name in it: DNS rebinding); `Origin` and
`Sec-Fetch-Site`, which pages cannot forge, must not be another's (CSRF). Knows nothing of what is served.
"""

import ipaddress
import os
import socket
from collections.abc import Mapping
from pathlib import Path

from cli.errors import UsageError
from cli.options import require_file
from cli.server.limits import CONNECTIONS

LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
LEAST_KEY = 16
"""Letters of a key."""


def find_foreign(method: str, headers: Mapping[str, str], host: str, port: int) -> str | None:
    """Why a request is not for a server that listens at this address; None where it is.

    `headers` have small letters. A page of another origin may lead here by a link, and do nothing else.
    """
    name, named_port = split_host(headers.get("host", ""))
    if is_loopback(host) and (name not in {*LOCAL_NAMES, host.lower()} or named_port not in (None, port)):
        return "the request is for another host than this server"
    origin, site = headers.get("origin"), headers.get("sec-fetch-site", "none")
    follows = method == "GET" and headers.get("sec-fetch-mode") == "navigate"
    if origin is not None and origin.partition("://")[2].lower() != headers.get("host", "").lower():
        return f"pages of {origin[:80]!r} may not use this server"
    if site not in ("same-origin", "none") and not follows:
        return "pages of another origin may not use this server"
    return None


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


def open_socket(host: str, port: int) -> socket.socket:
    """A socket that listens; UsageError where the address or port cannot be had. Port 0 is any free one."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, socket.SOCK_STREAM)
        try:
            if os.name == "posix":  # elsewhere it would let two servers have one port
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen(CONNECTIONS)
        except OSError:
            listening.close()
            raise
    except UnicodeError:
        raise UsageError(f"cannot listen on {host}: that is no name of a host; give one, as localhost.") from None
    except OSError as error:
        raise UsageError(
            f"cannot listen on {host} port {port}: {(error.strerror or str(error)).lower()}. "
            "Is another server running there? Choose another with --port, or --port 0 for any free one."
        ) from None
    return listening


def make_url(host: str, port: int) -> str:
    """The address of a server as a browser takes it."""
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def read_key(path: Path) -> str:
    """The key in a file: one line of ASCII."""
    with require_file(path, "--key-file", "a text file").open("rb") as file:
        content = file.read(4097)
    try:
        key = content.decode("ascii").strip()
    except UnicodeDecodeError:
        key = ""
    if not LEAST_KEY <= len(key) <= 4096 or not key.isprintable() or " " in key:
        raise UsageError(f"--key-file {path}: expected one line of {LEAST_KEY} to 4096 ASCII letters without spaces.")
    return key
