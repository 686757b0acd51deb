"""Work in lanes: results, progress, cancelling, errors."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from studio_user import wait_until

from cli.errors import UsageError
from cli.studio.worker import FAULT, Job, Worker


def run(script: Callable[[Worker, list[Any]], Any]) -> None:
    """Run an async function with a worker and a list for results."""

    async def main() -> None:
        await script(Worker(), [])

    asyncio.run(main())


def test_a_result_is_handed_over_in_the_loop_s_thread() -> None:
    async def script(worker: Worker, results: list[Any]) -> None:
        def then(result: Any) -> None:
            results.append((result, threading.current_thread()))

        job = worker.start(Job("adding", lambda job: (1 + 1, threading.current_thread()), then))
        await wait_until(lambda: not job.is_open)
        (((total, there), here),) = results
        assert (total, here, job.state) == (2, threading.current_thread(), "done")
        assert there is not here

    run(script)


def test_a_job_that_is_cancelled_ends_where_it_tells_its_progress() -> None:
    async def script(worker: Worker, results: list[Any]) -> None:
        def work(job: Job) -> None:
            for step in range(10**9):
                job(step, 10**9, loss=0.5)

        job = worker.start(Job("learning", work, results.append))
        after = worker.start(Job("waiting", lambda job: None, results.append))
        await wait_until(lambda: job.done > 10)
        assert (job.total, job.loss, after.state) == (10**9, 0.5, "waiting")
        after.cancel()
        job.cancel()
        await wait_until(lambda: not job.is_open)
        assert (job.state, after.state, results) == ("stopped", "stopped", [])

    run(script)


def test_a_new_job_takes_the_place_of_its_owner_s_others() -> None:
    async def script(worker: Worker, results: list[Any]) -> None:
        owner, gate = object(), threading.Event()
        first = worker.start(Job("first", lambda job: (gate.wait(5), job.check()), results.append, owner=owner))
        await wait_until(lambda: first.state == "running")
        second = worker.start(Job("second", lambda job: 2, results.append, owner=owner), replaces=True)
        third = worker.start(Job("third", lambda job: 3, results.append, owner=owner), replaces=True)
        gate.set()
        await wait_until(lambda: not third.is_open)
        assert ([first.state, second.state, third.state], results) == (["stopped", "stopped", "done"], [3])

    run(script)


def test_what_takes_minutes_does_not_hold_up_the_rest() -> None:
    async def script(worker: Worker, results: list[Any]) -> None:
        gate = threading.Event()
        long = worker.start(Job("learning", lambda job: gate.wait(5), results.append, lane="long"))
        quick = worker.start(Job("generating", lambda job: "motion", results.append))
        await wait_until(lambda: not quick.is_open)
        assert (long.is_open, results) == (True, ["motion"])
        gate.set()

    run(script)


def test_errors_for_the_user_are_told_and_others_logged(capfd: pytest.CaptureFixture[str]) -> None:
    async def script(worker: Worker, results: list[Any]) -> None:
        def refuse(job: Job) -> None:
            raise UsageError("no such word; learn it")

        told = worker.start(Job("a", refuse, results.append))
        broken = worker.start(Job("b", lambda job: 1 / 0, results.append))
        unheard = worker.start(Job("c", lambda job: 1, lambda result: 1 / 0))
        await wait_until(lambda: not unheard.is_open)
        assert (told.state, told.error) == ("failed", "no such word; learn it")
        assert (broken.error, unheard.error, results) == (FAULT, FAULT, [])

    run(script)
    assert capfd.readouterr().err.count("ZeroDivisionError") == 2


def test_the_end_stops_jobs_and_waits_for_the_threads() -> None:
    async def script(worker: Worker, results: list[Any]) -> None:
        def work(job: Job) -> None:
            for step in range(10**9):
                job(step, 10**9)

        job = worker.start(Job("learning", work, results.append, lane="long"))
        await wait_until(lambda: job.done > 10)
        before = threading.active_count()
        worker.close()
        assert (job.state, before - threading.active_count(), results) == ("stopped", 2, [])

    run(script)
