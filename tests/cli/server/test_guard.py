"""The guard and the connection: whatever arrives is answered with one JSON object, within bounds of memory and time."""

import asyncio
import json
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from unittest.mock import Mock

import pytest
import uvicorn
from hypothesis import given, settings
from hypothesis import strategies as st
from motionmcp.errors import ProtocolError
from uvicorn.server import ServerState

from cli.server import app, guard
from cli.server.access import Access
from cli.server.guard import Guard, check_json
from cli.server.limits import MAX_BODY_BYTES, MAX_JSON_VALUES

PIECE = b" " * 0x10000
CHUNK = b"10000\r\n" + PIECE + b"\r\n"


def connect(server: Any) -> socket.socket:
    host, port = server.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=20)


def make_head(server: Any, *headers: str, path: str = "/v1/generate", method: str = "POST") -> bytes:
    host = server.url.removeprefix("http://")
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", "Content-Type: application/json", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1")


def read_all(connection: socket.socket) -> bytes:
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts)


@pytest.mark.parametrize(
    ("headers", "code"),
    [
        ([f"Content-Length: {MAX_BODY_BYTES + len(PIECE)}"], "payload_too_large"),
        (["Transfer-Encoding: chunked"], "payload_too_large"),
        ([f"Content-Length: {MAX_BODY_BYTES + len(PIECE)}", "Origin: http://evil.example"], "forbidden"),
    ],
)
def test_what_is_refused_unread_is_answered_to_clients_that_send_it_all_first(server, headers, code):
    """A connection that is closed with unread bytes is reset, and the client never sees its answer."""
    with connect(server) as connection:
        connection.sendall(make_head(server, *headers))
        for _ in range(MAX_BODY_BYTES // len(PIECE) + 1):
            connection.sendall(CHUNK if "chunked" in headers[0] else PIECE)
        if "chunked" in headers[0]:
            connection.sendall(b"0\r\n\r\n")
        head, _, content = read_all(connection).partition(b"\r\n\r\n")
    assert json.loads(content)["error"]["code"] == code
    assert b"connection: close" in head


@pytest.mark.parametrize(
    "sent",
    [
        b"hello\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS
        b"GET / HTTP/1.1\r\nHost: a\r\nX\x00: a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 1_000_000,
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
    ],
)
def test_what_is_no_request_is_answered_too(server, sent):
    with connect(server) as connection:
        connection.sendall(sent)
        head, _, content = read_all(connection).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert "64 KiB" in json.loads(content)["error"]["message"]


def test_a_body_that_stops_being_one_ends_its_request(server):
    with connect(server) as connection:
        connection.sendall(make_head(server, "Transfer-Encoding: chunked") + b"1\r\n{\r\nzz\r\n")
        assert read_all(connection).startswith(b"HTTP/1.1 400 ")
    assert server.ask("/v1/status")[0] == 200


def test_a_client_that_asks_before_it_sends_is_refused_without_a_body(server):
    with connect(server) as connection:
        connection.sendall(make_head(server, f"Content-Length: {MAX_BODY_BYTES + 1}", "Expect: 100-continue"))
        assert read_all(connection).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("begun", [b"", b"GET /v1/sta", b"POST /v1/generate HTTP/1.1\r\nX-Slow: a\r\n"])
def test_a_head_that_does_not_come_ends_the_connection(start_server, monkeypatch, begun):
    monkeypatch.setattr(app, "BODY_SECONDS", 0.2)
    with connect(start_server()) as connection:
        connection.sendall(begun)
        with suppress(ConnectionResetError):
            assert connection.recv(100) == b""


@pytest.mark.parametrize("taken", [False, True])
def test_an_answer_that_is_not_taken_is_dropped(monkeypatch, taken):
    monkeypatch.setattr(app, "IDLE_SECONDS", 0.02)
    transport = Mock()

    async def steps() -> None:
        connection = app.Connection(uvicorn.Config(Mock(), ws="none"), ServerState(), {})
        connection.connection_made(transport)
        connection.pause_writing()
        if taken:
            connection.resume_writing()
        await asyncio.sleep(0.1)

    asyncio.run(steps())
    assert transport.abort.called != taken


async def _answer(inspect: Callable[..., None], received: list[dict[str, Any]], of: list[Guard]) -> list[Any]:
    """What a guard sends to a client whose messages are these; then it waits."""
    sent: list[Any] = []
    left = iter(received)

    async def receive() -> dict[str, Any]:
        for message in left:
            return message
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Any) -> None:
        sent.append(message)

    async def echo(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": (await receive())["body"]})

    if not of:
        of.append(Guard(echo, Access("127.0.0.1", 80), inspect, lambda line: None))
    headers = [(b"host", b"127.0.0.1"), (b"content-type", b"application/json")]
    await of[0]({"type": "http", "method": "POST", "path": "/", "headers": headers}, receive, send)
    return sent


def _find_status(sent: list[Any]) -> int:
    return int(sent[0]["status"])


def test_bodies_that_are_arriving_count_together(monkeypatch):
    monkeypatch.setattr(guard, "MAX_BYTES_IN_FLIGHT", 25)
    monkeypatch.setattr(guard, "BODY_SECONDS", 0.3)
    guards: list[Guard] = []
    part = {"type": "http.request", "body": b"[" + b"1" * 9, "more_body": True}

    async def steps() -> list[int]:
        waiting = [asyncio.create_task(_answer(lambda *_: None, [part], guards)) for _ in range(3)]
        return [_find_status(sent) for sent in await asyncio.gather(*waiting)]

    assert sorted(asyncio.run(steps())) == [503, 504, 504]
    assert guards[0].in_flight == 0


def test_a_slow_body_is_refused_and_its_rest_not_waited_for(monkeypatch):
    monkeypatch.setattr(guard, "BODY_SECONDS", 0.1)
    sent = asyncio.run(asyncio.wait_for(_answer(lambda *_: None, [], []), 5))
    assert _find_status(sent) == 504
    assert b"did not arrive" in sent[1]["body"]


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


@settings(max_examples=50, deadline=None)
@given(values, st.binary(max_size=40))
def test_json_that_every_program_can_hold_is_read_and_nothing_else(value, noise):
    assert check_json(json.dumps(value).encode()) == value
    with suppress(ProtocolError):
        assert check_json(noise) == (json.loads(noise) if noise else None)


@pytest.mark.parametrize("value", [b"[]", b"1", b'{"a":1}'])
def test_a_body_of_many_values_is_refused_before_they_are_made(value):
    with pytest.raises(ProtocolError, match="values; at most 524,288") as refused:
        check_json(b"[" + (value + b",") * MAX_JSON_VALUES + b"1]")
    assert refused.value.status_code == 413


@pytest.mark.parametrize("text", ['{"a": 1, "a": 1}', '[{"b": [{"a": 1, "c": 2, "a": 3}]}]'])
def test_a_key_that_stands_twice_is_refused(text):
    with pytest.raises(ProtocolError, match="the key 'a' stands twice"):
        check_json(text.encode())
