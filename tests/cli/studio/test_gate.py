"""Who may use the studio: the browser with the token, and no page of another origin."""

import asyncio
from typing import Any

import pytest

from cli.studio.gate import MAX_BODY, Gate

TOKEN, HOST = "a-token-of-many-letters", "127.0.0.1:8765"


def ask(
    path: str = "/", query: str = "", method: str = "GET", kind: str = "http", **headers: str
) -> tuple[list[dict[str, Any]], bool]:
    """What the gate sends, and whether the application was reached."""
    sent: list[dict[str, Any]] = []
    reached = False

    async def app(scope: Any, receive: Any, send: Any) -> None:
        nonlocal reached
        reached = True
        while kind == "http" and (message := await receive())["type"] != "http.disconnect":
            if not message.get("more_body"):
                await send({"type": "http.response.start", "status": 200, "headers": []})
                return

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"x" * 2**20, "more_body": method == "POST"}

    async def send(message: Any) -> None:
        sent.append(dict(message))

    given = {"host": HOST, **{name.replace("_", "-"): value for name, value in headers.items()}}
    scope = {
        "type": kind, "method": method, "path": path, "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in given.items()],
    }  # fmt: skip
    asyncio.run(Gate(app, "127.0.0.1", 8765, TOKEN)(scope, receive, send))
    return sent, reached


COOKIE = f"lead_invert_studio_8765={TOKEN}"


def test_the_token_in_the_address_becomes_a_cookie() -> None:
    sent, reached = ask(query=f"token={TOKEN}")
    headers = dict(sent[0]["headers"])
    assert (sent[0]["status"], reached, headers[b"location"]) == (303, False, b"/")
    assert headers[b"set-cookie"].startswith(COOKIE.encode())
    assert b"HttpOnly" in headers[b"set-cookie"] and b"SameSite=Strict" in headers[b"set-cookie"]
    sent, reached = ask(cookie=COOKIE)
    assert reached and sent[0]["status"] == 200
    assert b"frame-ancestors 'none'" in dict(sent[0]["headers"])[b"content-security-policy"]


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"cookie": "lead_invert_studio_8765=another"},
        {"cookie": "lead_invert_studio_1=" + TOKEN},
        {"cookie": COOKIE, "host": "evil.example:8765"},
        {"cookie": COOKIE, "host": "127.0.0.1:1"},
        {"cookie": COOKIE, "origin": "http://evil.example"},
        {"cookie": COOKIE, "origin": "null"},
        {"cookie": COOKIE, "sec-fetch-site": "cross-site"},
    ],
)
def test_others_are_kept_out(kind: str, headers: dict[str, str]) -> None:
    sent, reached = ask(kind=kind, **headers)
    assert not reached
    assert sent[0] == {"type": "websocket.close", "code": 1008} if kind == "websocket" else sent[0]["status"] == 403


def test_a_wrong_token_is_no_key() -> None:
    sent, reached = ask(query="token=guess")
    assert sent[0]["status"] == 403 and not reached and b"lead-invert studio" in sent[1]["body"]


def test_the_page_itself_may_connect() -> None:
    assert ask(kind="websocket", cookie=COOKIE, origin=f"http://{HOST}")[1]


def test_a_file_that_is_too_large_is_refused_before_or_while_it_comes() -> None:
    sent, reached = ask("/upload", method="POST", cookie=COOKIE, content_length=str(MAX_BODY + 1))
    assert sent[0]["status"] == 413 and not reached
    sent, reached = ask("/upload", method="POST", cookie=COOKIE)  # it does not end
    assert reached and not sent
