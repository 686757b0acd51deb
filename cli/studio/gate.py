"""Who may use the studio: the browser that was given its address, and no page of another origin.

The address has a token. The first request with it sets a cookie, which all others must bring, those of the websocket
too. `Host` and `Origin` are checked as those of `serve` are. Pages may load nothing from elsewhere. Source: ASGI 3.0.
"""

import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import parse_qs

from cli.server.address import find_foreign

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

MAX_FILE = 200 * 2**20
"""Bytes of a file that is sent."""
MAX_BODY = MAX_FILE + 2**20
"""Bytes of a request's body."""
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'self'"
)
HEADERS = (
    (b"content-security-policy", _POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
)
"""Of every answer."""


class Gate:
    """An ASGI application around the studio's."""

    def __init__(self, app: App, host: str, port: int, token: str) -> None:
        self.app, self.host, self.port, self.token = app, host, port, token
        self.cookie = f"lead_invert_studio_{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or let a websocket in."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        refused = find_foreign(scope.get("method", ""), headers, self.host, self.port)
        if scope["type"] == "websocket":
            if refused or not self._knows(headers):
                await send({"type": "websocket.close", "code": 1008})
            else:
                await self.app(scope, receive, send)
            return
        given = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("token", [""])[0]
        if refused:
            await _answer(send, 403, refused)
        elif scope["path"] == "/" and given and self._is_token(given):
            cookie = f"{self.cookie}={self.token}; HttpOnly; SameSite=Strict; Path=/"
            await _answer(send, 303, "", (b"location", b"/"), (b"set-cookie", cookie.encode("latin-1")))
        elif not self._knows(headers):
            await _answer(send, 403, "Open the address that `lead-invert studio` printed, with its token.")
        else:
            await self._pass(scope, headers, receive, send)

    def _is_token(self, text: str) -> bool:
        return secrets.compare_digest(text.encode(), self.token.encode())

    def _knows(self, headers: dict[str, str]) -> bool:
        """Whether a request brings the cookie."""
        try:
            cookies = SimpleCookie(headers.get("cookie", ""))
        except CookieError:
            return False
        return self.cookie in cookies and self._is_token(cookies[self.cookie].value)

    async def _pass(self, scope: Scope, headers: dict[str, str], receive: Receive, send: Send) -> None:
        """Let a request in, whose body is not too large."""
        stated = headers.get("content-length", "0")
        if not (stated.isascii() and stated.isdigit()) or int(stated[:20]) > MAX_BODY:
            await _answer(send, 413, f"more than {MAX_FILE // 2**20} MB at once")
            return
        size = 0

        async def count() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            return {"type": "http.disconnect"} if size > MAX_BODY else message

        async def send_safe(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message.get("headers", ()), *HEADERS]}
            await send(message)

        await self.app(scope, count, send_safe)


async def _answer(send: Send, status: int, text: str, *more: tuple[bytes, bytes]) -> None:
    body = text.encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*headers, *HEADERS, *more]})
    await send({"type": "http.response.body", "body": body})
