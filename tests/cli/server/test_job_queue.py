"""The queue: bounds, batches, time limits, cancelling, and its end; and what the guard cancels."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from motionmcp.errors import ProtocolError

from cli.server.job_queue import JobQueue, NobodyWaits
from cli.server.limits import QueueLimits


class Worker:
    """Doubles numbers, once it is let go; notes the batches."""

    def __init__(self) -> None:
        self.go, self.begun, self.batches = threading.Event(), threading.Event(), list[Sequence[Any]]()
        self.given_up = 0
        self.looks_every = 0.1  # seconds

    def __call__(self, work: Sequence[Any], check: Any) -> Iterator[tuple[int, Any]]:
        self.batches.append(work)
        self.begun.set()
        while not self.go.wait(self.looks_every):
            try:
                check()
            except NobodyWaits:
                self.given_up += 1
                raise
        for place, number in enumerate(work):
            yield place, ValueError(number) if number < 0 else 2 * number


@pytest.fixture
def worker():
    return Worker()


def run(steps):
    return asyncio.run(asyncio.wait_for(steps, 20))


def test_jobs_of_one_group_that_wait_together_are_worked_on_together(worker):
    queue = JobQueue(worker, batch=4)

    async def steps() -> list[Any]:
        first = asyncio.create_task(queue.ask(1, "a"))
        await asyncio.to_thread(worker.begun.wait)
        others = [asyncio.create_task(queue.ask(n, group)) for n, group in ((2, "b"), (3, "c"), (4, "b"), (-5, "b"))]
        large = [asyncio.create_task(queue.ask(n, "b", 3)) for n in (6, 7)]
        await asyncio.sleep(0.05)
        assert (queue.working, queue.waiting) == (1, 6)
        worker.go.set()
        return await asyncio.gather(first, *others, *large, return_exceptions=True)

    *answers, fault, six, seven = run(steps())
    queue.close()
    assert (answers, six, seven) == ([2, 4, 6, 8], 12, 14)
    assert isinstance(fault, ValueError)
    assert worker.batches == [[1], [2, 4, -5], [3], [6], [7]]


def test_a_full_queue_refuses_and_a_late_answer_is_given_up(worker):
    queue = JobQueue(worker, QueueLimits(waiting=1, seconds=0.4))
    worker.looks_every = 2.0  # when neither is waited for

    async def steps() -> list[Any]:
        first = asyncio.create_task(queue.ask(1, "a"))
        await asyncio.to_thread(worker.begun.wait)
        second = asyncio.create_task(queue.ask(2, "a"))
        await asyncio.sleep(0.05)
        with pytest.raises(ProtocolError, match="1 requests wait already") as refused:
            await queue.ask(3, "a")
        assert refused.value.code == "resource_exhausted"
        return await asyncio.gather(first, second, return_exceptions=True)

    answers = run(steps())
    assert [one.code for one in answers] == ["timeout", "timeout"]
    queue.close()
    assert worker.given_up == 1 and worker.batches == [[1]], "what nobody waits for is not begun"


def test_a_cancelled_job_is_not_begun_and_one_that_is_worked_on_ends(worker):
    queue = JobQueue(worker)

    async def steps() -> None:
        first, second = asyncio.create_task(queue.ask(1, "a")), asyncio.create_task(queue.ask(2, "b"))
        await asyncio.to_thread(worker.begun.wait)
        for task in (second, first):
            task.cancel()
        await asyncio.gather(first, second, return_exceptions=True)
        while queue.working:
            await asyncio.sleep(0.01)

    run(steps())
    assert (worker.given_up, worker.batches, queue.waiting) == (1, [[1]], 0)
    queue.close()


def test_the_end_refuses_what_waits(worker):
    queue = JobQueue(worker)

    async def steps() -> list[Any]:
        tasks = [asyncio.create_task(queue.ask(n, n)) for n in (1, 2)]
        await asyncio.to_thread(worker.begun.wait)
        await asyncio.to_thread(queue.close)
        with pytest.raises(ProtocolError, match="being stopped"):
            await queue.ask(3, "a")
        return await asyncio.gather(*tasks, return_exceptions=True)

    first, second = run(steps())
    assert (first.code, second.code) == ("model_unavailable", "model_unavailable")
    assert worker.given_up == 1


def test_a_client_that_hangs_up_cancels_its_request(server, monkeypatch):
    stopped = threading.Event()
    ask = server.queue.ask

    async def slow(*arguments: Any) -> Any:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            stopped.set()
            raise
        return await ask(*arguments)

    monkeypatch.setattr(server.queue, "ask", slow)
    host, port = server.url.removeprefix("http://").split(":")
    body = b'{"prompt": "a person walks"}'
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(
            f"POST /v1/generate HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n".encode()
            + body
        )
        time.sleep(0.2)
    assert stopped.wait(5)
    deadline = time.monotonic() + 5
    while not any(" 499 " in line for line in server.log) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert any("POST /v1/generate 499" in line for line in server.log)
