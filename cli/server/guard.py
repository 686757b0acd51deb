"""What surrounds the application: who may ask, how large and how slow a request may be, and what becomes of it.

A body is read here, within its limits, and must be strict JSON: no NaN, no number beyond a double's range, no half of a
character. While the application works, the connection is watched: a client that hangs up cancels its request. Whatever
the application raises ends here as one JSON object. Source: ASGI 3.0; RFC 8259 (JSON).
"""

import asyncio
import json
import math
import time
import traceback
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, NoReturn

from motionmcp.errors import ProtocolError

from cli.server.access import Access
from cli.server.limits import BODY_SECONDS, MAX_BODY_BYTES, MAX_BYTES_IN_FLIGHT

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Inspect = Callable[[str, bytes, Any], None]
"""Takes a path, a body and its value; raises ProtocolError for what the application could not take."""

LARGEST_INTEGER = 1 << 53
HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
)
"""Of every answer."""
GONE = 499
"""The status in the log for a client that did not wait for its answer."""


class Guard:
    """An ASGI application around another one."""

    def __init__(self, app: App, access: Access, inspect: Inspect, log: Callable[[str], None]) -> None:
        self.app, self.access, self.inspect, self.log = app, access, inspect, log
        self.in_flight = 0
        """Bytes of the bodies of all requests that are not answered."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        started, status = time.monotonic(), 0

        async def send_safe(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": [*message.get("headers", ()), *HEADERS]}
            await send(message)

        size = 0
        try:
            headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
            self.access.check(scope["method"], scope["path"], headers)
            body = await self._read_body(headers, receive)
            size = len(body)
            self.in_flight += size
            self.inspect(scope["path"], body, check_json(body))
            if not await self._run(scope, body, receive, send_safe):
                status = status or GONE
        except ProtocolError as error:
            await _refuse(send_safe, error)
        except asyncio.CancelledError:  # the server ends, and has waited long enough
            if not status:
                await _refuse(send_safe, ProtocolError("model_unavailable", "the server is being stopped"))
        except Exception:  # a fault of ours: told to whoever runs the server, not to the client
            self.log(traceback.format_exc())
            if not status:
                await _refuse(send_safe, ProtocolError("internal_error", "the server failed; its log says why"))
        finally:
            self.in_flight -= size
        path = scope["path"][:60]
        self.log(f"{scope['method']} {path} {status} {time.monotonic() - started:.2f} s")

    async def _read_body(self, headers: dict[str, str], receive: Receive) -> bytes:
        """The whole body; ProtocolError where it is too large or too slow, or too much is being answered already."""
        stated = headers.get("content-length", "")
        if stated.isascii() and stated.isdigit() and int(stated[:20]) > MAX_BODY_BYTES:
            raise _too_large()
        parts, size = [], 0
        try:
            async with asyncio.timeout(BODY_SECONDS):
                while True:
                    message = await receive()
                    part = message.get("body", b"")
                    size += len(part)
                    parts.append(part)
                    if size > MAX_BODY_BYTES:
                        raise _too_large()
                    if self.in_flight + size > MAX_BYTES_IN_FLIGHT:
                        raise ProtocolError("resource_exhausted", "too many large requests at once; try again later")
                    if message["type"] == "http.disconnect" or not message.get("more_body", False):
                        return b"".join(parts)
        except TimeoutError:
            raise ProtocolError("timeout", f"the request did not arrive within {BODY_SECONDS:g} s") from None

    async def _run(self, scope: Scope, body: bytes, receive: Receive, send: Send) -> bool:
        """Run the application; False where the client has gone before its end."""
        gone = asyncio.create_task(_wait_for_disconnect(receive))
        sent = False

        async def replay() -> Message:
            nonlocal sent
            if sent:
                await asyncio.shield(gone)
                return {"type": "http.disconnect"}
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}

        task = asyncio.ensure_future(self.app(scope, replay, send))
        try:
            await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                await task
                return True
            task.cancel()
            await asyncio.wait({task})
            return False
        finally:
            gone.cancel()
            task.cancel()


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def check_json(body: bytes) -> Any:
    """The value of a body, None for none; ProtocolError unless it is JSON that every program can hold."""
    if not body:
        return None
    try:
        text = body.decode("utf-8")
        value = json.loads(text, parse_constant=_refuse_constant, parse_int=_read_integer, parse_float=_read_number)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
        return value
    except (ValueError, RecursionError) as error:
        kind = "nested too deeply" if isinstance(error, RecursionError) else str(error)[:200]
        raise ProtocolError("schema_validation", f"the body is not valid JSON: {kind}") from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def _read_integer(text: str) -> int:
    if len(text) > 17 or abs(int(text)) > LARGEST_INTEGER:
        raise ValueError(f"the integer {text[:24]} is beyond 2^53")
    return int(text)


def _read_number(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"the number {text[:24]} is beyond the range of a double")
    return number


def _too_large() -> ProtocolError:
    return ProtocolError("payload_too_large", f"a body of more than {MAX_BODY_BYTES} bytes")


async def _refuse(send: Send, error: ProtocolError) -> None:
    """Answer with an error, as the protocol has it; the connection ends, for the body may not be read."""
    content = json.dumps(error.to_envelope()).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
    if error.status_code == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if error.status_code == 503:
        headers.append((b"retry-after", b"2"))
    headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": error.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": content})
