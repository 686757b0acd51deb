"""A server in this process, on a tiny base with a library of one word; and what asks it."""

import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cli.server.access import Access
from cli.server.address import open_socket
from cli.server.app import make_app, make_server
from cli.server.generator import Generator
from cli.server.job_queue import JobQueue
from cli.server.limits import QueueLimits
from concepts import Concept, Library
from lead import Lead


@dataclass
class Running:
    """A server that runs, and its log."""

    url: str
    generator: Generator
    queue: JobQueue
    log: list[str] = field(default_factory=list)

    def ask(self, path: str, body: Any = None, **headers: str) -> tuple[int, Any, dict[str, str]]:
        """Status, body and headers of an answer; the body is parsed where it is JSON. Bytes are sent as they are."""
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        kind = {} if data is None else {"content-type": "application/json"}
        request = urllib.request.Request(self.url + path, data, {**kind, **named})
        try:
            with urllib.request.urlopen(request, timeout=120) as answer:
                return self._read(answer.status, answer)
        except urllib.error.HTTPError as error:
            with error:
                return self._read(error.code, error)

    @staticmethod
    def _read(status: int, answer: Any) -> tuple[int, Any, dict[str, str]]:
        content, headers = answer.read(), {name.lower(): value for name, value in answer.headers.items()}
        return status, json.loads(content) if "json" in headers["content-type"] else content, headers

    def refuses(self, path: str, body: Any, status: int, code: str, *said: str, **headers: str) -> None:
        """Answers with one JSON object of the protocol's form, with these words, and no traceback in the log."""
        found, answer, _ = self.ask(path, body, **headers)
        assert (found, answer["error"]["code"]) == (status, code), answer
        for words in said:
            assert words in answer["error"]["message"]
        assert not any("Traceback" in line for line in self.log)


@contextmanager
def run_server(
    base: Lead, library: Path, key: str | None = None, limits: QueueLimits = QueueLimits()
) -> Iterator[Running]:
    generator = Generator(base, Library(library))
    queue = JobQueue(generator.run, limits)
    log: list[str] = []
    with open_socket("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]
        server = make_server(make_app(generator, queue, Access("127.0.0.1", port, key), 30.0, log.append), queue)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            while not server.started:
                time.sleep(0.01)
            yield Running(f"http://127.0.0.1:{port}", generator, queue, log)
        finally:
            server.should_exit = True
            thread.join()
            queue.close()
            generator.close()


@pytest.fixture(scope="session")
def limp(tiny_base: Lead) -> Concept:
    vectors = np.random.default_rng(0).normal(size=(1, tiny_base.text.d_token)).astype(np.float32)
    parts, name = tiny_base.fingerprints, tiny_base.name
    return Concept(token="<limp>", token_embedding=vectors, kind="style", base=name, fingerprints=parts)


@pytest.fixture(scope="session")
def server(tiny_base: Lead, limp: Concept, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One server for all tests that leave it as it is."""
    folder = tmp_path_factory.mktemp("library")
    Library(folder).add(limp)
    with run_server(tiny_base, folder) as running:
        yield running


@pytest.fixture
def start_server(tiny_base: Lead, tmp_path: Path) -> Iterator[Callable[..., Running]]:
    """A function that starts a server with a key or limits of its own."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(run_server(tiny_base, tmp_path / "library", **options))
