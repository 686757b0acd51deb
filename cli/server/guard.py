"""What surrounds the application: who may ask, how large and how slow a request may be, and what becomes of it.

A body is read here, within its limits, and must be strict JSON: no NaN, no number beyond a double's range, no half of a
character, no key twice. While the application works, the connection is watched: a client that hangs up cancels its
request. Whatever the application raises ends here as one JSON object. What is refused before its body was read is
answered first; then the rest of the body is read and thrown away, for a connection that is closed with unread bytes is
reset, and most clients send all of a body before they read the answer. Source: ASGI 3.0; RFC 8259 (JSON); RFC 9112,
section 9.6 (closing a connection).
"""

import asyncio
import json
import math
import time
import traceback
from collections import Counter
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NoReturn

from motionmcp.errors import ProtocolError

from cli.server.access import Access
from cli.server.limits import BODY_SECONDS, MAX_BODY_BYTES, MAX_BYTES_IN_FLIGHT, MAX_JSON_VALUES

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


@dataclass(eq=False)
class Upload:
    """The body of a request while it arrives."""

    receive_next: Receive
    started: float = field(default_factory=time.monotonic)
    parts: list[bytes] = field(default_factory=list)
    size: int = 0
    """Bytes that are held."""
    complete: bool = False
    """Nothing is left to be read."""

    async def receive(self) -> bytes:
        """The next part; none where the client has gone."""
        message = await self.receive_next()
        self.complete = message["type"] == "http.disconnect" or not message.get("more_body", False)
        return bytes(message.get("body", b""))

    def limit_time(self) -> asyncio.Timeout:
        """A block that ends with TimeoutError when the request should have arrived."""
        return asyncio.timeout(self.started + BODY_SECONDS - time.monotonic())

    async def discard(self) -> None:
        """Read what is left, and keep none of it."""
        with suppress(TimeoutError, asyncio.CancelledError):
            async with self.limit_time():
                while not self.complete:
                    await self.receive()


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
        upload, status = Upload(receive), 0

        async def send_safe(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": [*message.get("headers", ()), *HEADERS]}
            await send(message)

        try:
            headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
            upload.complete = "expect" in headers  # such a client sends no body before it is asked for it
            self.access.check(scope["method"], scope["path"], headers)
            body = await self._read_body(headers, upload)
            self.inspect(scope["path"], body, check_json(body))
            if not await self._run(scope, body, receive, send_safe):
                status = status or GONE
        except ProtocolError as error:
            await self._refuse(send_safe, error, upload)
        except asyncio.CancelledError:  # the server ends, and has waited long enough
            if not status:
                stopped = ProtocolError("model_unavailable", "the server is being stopped")
                await self._refuse(send_safe, stopped, upload)
        except Exception:  # a fault of ours: told to whoever runs the server, not to the client
            self.log(traceback.format_exc())
            if not status:
                failed = ProtocolError("internal_error", "the server failed; its log says why")
                await self._refuse(send_safe, failed, upload)
        finally:
            self._release(upload)
        path = scope["path"][:60]
        self.log(f"{scope['method']} {path} {status} {time.monotonic() - upload.started:.2f} s")

    async def _read_body(self, headers: dict[str, str], upload: Upload) -> bytes:
        """The whole body; ProtocolError where it is too large or too slow, or too much is being answered already."""
        stated = headers.get("content-length", "")
        if stated.isascii() and stated.isdigit() and int(stated[:20]) > MAX_BODY_BYTES:
            raise _too_large()
        try:
            async with upload.limit_time():
                upload.complete = False
                while not upload.complete:
                    upload.parts.append(await upload.receive())
                    upload.size += len(upload.parts[-1])
                    self.in_flight += len(upload.parts[-1])
                    if upload.size > MAX_BODY_BYTES:
                        raise _too_large()
                    if self.in_flight > MAX_BYTES_IN_FLIGHT:
                        raise ProtocolError("resource_exhausted", "too many large requests at once; try again later")
                return b"".join(upload.parts)
        except TimeoutError:
            raise ProtocolError("timeout", f"the request did not arrive within {BODY_SECONDS:g} s") from None

    def _release(self, upload: Upload) -> None:
        self.in_flight -= upload.size
        upload.size, upload.parts = 0, []

    async def _refuse(self, send: Send, error: ProtocolError, upload: Upload) -> None:
        """Answer with an error, as the protocol has it; then the connection ends."""
        self._release(upload)
        content = json.dumps(error.to_envelope()).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
        if error.status_code == 401:
            headers.append((b"www-authenticate", b"Bearer"))
        if error.status_code == 503:
            headers.append((b"retry-after", b"2"))
        headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": error.status_code, "headers": headers})
        await send({"type": "http.response.body", "body": content, "more_body": True})
        await upload.discard()
        await send({"type": "http.response.body", "body": b""})

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
    values = sum(map(body.count, (b",", b"[", b"{")))  # of lists and objects, and they themselves
    if values > MAX_JSON_VALUES:
        raise ProtocolError("payload_too_large", f"a body of {values:,} values; at most {MAX_JSON_VALUES:,} are read")
    try:
        text = body.decode("utf-8")
        value = json.loads(
            text,
            parse_constant=_refuse_constant,
            parse_int=_read_integer,
            parse_float=_read_number,
            object_pairs_hook=_read_object,
        )
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


def _read_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        (name, _), *_ = Counter(name for name, _ in pairs).most_common(1)
        raise ValueError(f"the key {name[:60]!r} stands twice")
    return value


def _too_large() -> ProtocolError:
    return ProtocolError("payload_too_large", f"a body of more than {MAX_BODY_BYTES} bytes")
