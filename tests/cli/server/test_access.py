"""Who may ask: programs of this machine and those with the key; no page of another origin."""

import pytest
from motionmcp import client

from cli.server.access import Access
from cli.server.address import is_loopback, split_host

KEY = "a-key-of-24-letters-long"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("127.0.0.1:8000", ("127.0.0.1", 8000)), ("localhost", ("localhost", None)), ("[::1]:80", ("::1", 80)),
        ("[::1]", ("::1", None)), ("LOCALHOST.:8000", ("localhost", 8000)), ("x:y", ("x", -1)), ("", ("", None)),
        ("a:1:2", ("a:1", 2)),
    ],
)  # fmt: skip
def test_hosts(text, found):
    assert split_host(text) == found


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False),
     ("192.168.1.2", False), ("example.org", False)],
)  # fmt: skip
def test_loopback_addresses(host, loopback):
    assert is_loopback(host) == loopback


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},  # DNS rebinding
        {"host": "evil.example:8000"},
        {"host": "127.0.0.1:1"},
        {"host": ""},
        {"host": "localhost.evil.example"},
        {"origin": "http://evil.example"},  # CSRF
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_pages_of_other_origins_are_refused(server, headers):
    for path, body in (("/v1/generate", {"prompt": "a person walks"}), ("/v1/status", None), ("/docs", None)):
        server.refuses(path, body, 403, "forbidden", **headers)


def test_pages_of_this_server_and_links_to_it_are_answered(server):
    own = {"origin": server.url, "sec-fetch-site": "same-origin"}
    assert server.ask("/v1/status", None, **own)[0] == 200
    assert server.ask("/docs", None, sec_fetch_site="cross-site", sec_fetch_mode="navigate")[0] == 200
    assert server.ask("/v1/status", None, host=server.url.replace("http://127.0.0.1", "localhost"))[0] == 200


def test_a_body_has_to_be_json_by_its_type(server):
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        server.refuses(
            "/v1/generate", {"prompt": "walks"}, 422, "schema_validation", "application/json", content_type=kind
        )


def test_a_key_is_asked_for(start_server):
    server = start_server(key=KEY)
    for headers in (
        {},
        {"authorization": "Bearer x"},
        {"authorization": f"Basic {KEY}"},
        {"authorization": "Bearer ü"},
    ):
        server.refuses("/v1/status", None, 401, "unauthorized", "key", **headers)
    assert client.probe_server(server.url).status == "auth_required"
    assert client.probe_server(server.url, access_token=KEY).status == "online"
    assert server.ask("/docs")[0] == 200
    _, document, _ = server.ask("/openapi.json")
    assert document["security"] == [{"key": []}]


def test_elsewhere_any_name_may_be_used_with_the_key():
    elsewhere = Access("0.0.0.0", 8000, KEY)
    elsewhere.check("GET", "/v1/status", {"host": "studio.example:8000", "authorization": f"bearer {KEY}"})
