"""A model hub for tests: a small HTTP server on this machine that speaks what huggingface_hub asks of one.

Repositories live in memory. Every request is kept as "METHOD /path", so that a test can say what was asked, and what
was not. Files that end in .safetensors travel as Git LFS objects, others inside the commit, as on the real hub.
"""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

TOKEN = "hf_stand_in"


@dataclass
class Repository:
    private: bool
    files: dict[str, bytes] = field(default_factory=dict)
    commits: int = 0
    history: dict[str, dict[str, bytes]] = field(default_factory=dict)
    """Older states by their commits, as pushes leave them."""

    @property
    def sha(self) -> str:
        return f"{self.commits:040x}"

    def at(self, revision: str) -> tuple[str, dict[str, bytes]] | None:
        """Commit and files of a revision; None where there is none."""
        if revision in ("main", self.sha):
            return self.sha, self.files
        return (revision, self.history[revision]) if revision in self.history else None


@dataclass
class Hub:
    url: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    said_sizes: dict[str, int] = field(default_factory=dict)
    """File -> a size that is told instead of its own."""
    answers: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    """File -> status, headers and body that a GET of it gets instead."""
    tokens: dict[str, str] = field(default_factory=dict)
    """Path -> the login that it was last asked with."""


class _Handler(BaseHTTPRequestHandler):
    hub: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def answer(self, status: int, body: Any = None, headers: dict[str, str] | None = None) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body if body is not None else {}).encode()
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def handle_any(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.hub.requests.append(f"{self.command} {path}")
        self.hub.tokens[path] = self.headers.get("Authorization") or ""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = path.strip("/").split("/")
        if path.startswith("/objects/"):  # an address that the hub signed for one upload
            self.hub.objects[parts[1]] = body
            self.answer(200)
        elif self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self.answer(401, {"error": "Invalid username or password."})
        elif path == "/api/repos/create":
            self.create(json.loads(body))
        elif path == "/api/validate-yaml":
            self.answer(200, {"errors": [], "warnings": []})
        else:
            repo = "/".join(parts[2:4] if parts[0] == "api" else parts[:2]).removesuffix(".git")
            if repo not in self.hub.repositories:
                self.answer(404, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"})
            elif parts[0] == "api":
                self.about(repo, parts[4:], body)
            elif "info/lfs" in path:
                objects = [one | self.upload(one["oid"]) for one in json.loads(body)["objects"]]
                self.answer(200, {"transfer": "basic", "objects": objects})
            else:
                self.resolve(self.hub.repositories[repo], parts[3], "/".join(parts[4:]))

    do_GET = do_HEAD = do_POST = do_PUT = handle_any  # noqa: N815 - the names are http.server's

    def create(self, asked: dict[str, Any]) -> None:
        repo = f"{asked['organization']}/{asked['name']}"
        private = asked.get("private", asked.get("visibility") == "private")
        self.hub.repositories[repo] = Repository(private)
        self.answer(200, {"url": f"{self.hub.url}/{repo}", "name": repo})

    def about(self, repo: str, rest: list[str], body: bytes) -> None:
        one = self.hub.repositories[repo]
        if rest[:1] == ["preupload"]:
            files = [
                {"path": file["path"], "shouldIgnore": False,
                 "uploadMode": "lfs" if file["path"].endswith(".safetensors") else "regular"}
                for file in json.loads(body)["files"]
            ]  # fmt: skip
            self.answer(200, {"files": files})
        elif rest[:1] == ["commit"]:
            one.history[one.sha] = dict(one.files)
            for line in map(json.loads, body.splitlines()):
                value = line["value"]
                if line["key"] == "file":
                    one.files[value["path"]] = base64.b64decode(value["content"])
                elif line["key"] == "lfsFile":
                    one.files[value["path"]] = self.hub.objects[value["oid"]]
            one.commits += 1
            self.answer(200, {"commitUrl": f"{self.hub.url}/{repo}/commit/{one.sha}", "commitOid": one.sha})
        elif (state := one.at(rest[1] if rest[:1] == ["revision"] else "main")) is None:
            self.answer(404, {"error": "Invalid rev id"}, {"X-Error-Code": "RevisionNotFound"})
        else:
            sha, files = state
            sizes = {name: len(data) for name, data in files.items()} | self.hub.said_sizes
            siblings = [{"rfilename": name, "size": sizes[name]} for name in files]
            self.answer(200, {"id": repo, "sha": sha, "private": one.private, "siblings": siblings})

    def upload(self, oid: str) -> dict[str, Any]:
        return {"actions": {"upload": {"href": f"{self.hub.url}/objects/{oid}"}}}

    def resolve(self, one: Repository, revision: str, name: str) -> None:
        sha, files = one.at(revision) or ("", {})
        data = files.get(name)
        if data is None:
            self.answer(404, {"error": "Entry not found"}, {"X-Error-Code": "EntryNotFound"})
        elif name in self.hub.answers and self.command == "GET":
            status, headers, body = self.hub.answers[name]
            self.answer(status, body, headers)
            self.close_connection = True  # what is missing never comes
        else:
            etag = hashlib.sha256(data).hexdigest()
            self.answer(200, data, {"ETag": f'"{etag}"', "X-Repo-Commit": sha})


@contextmanager
def running_hub() -> Iterator[Hub]:
    """The server at `hub.url` while the block runs."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
