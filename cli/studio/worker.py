"""Work that takes long, in threads: one lane for what a person waits for, one for what takes minutes.

Each lane does one job after the other, so that no two change the same thing at once and a page is never blocked. A job
that is cancelled raises `Stopped` where it next tells its progress, as Ctrl-C does in a command. Knows no pages.
"""

import asyncio
import queue
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from cli.console import log
from cli.errors import to_message, user_errors

Lane = Literal["quick", "long"]
State = Literal["waiting", "running", "done", "failed", "stopped"]
FAULT = "the studio failed; its log in the terminal says why"
PATIENCE = 10.0
"""Seconds that the end of the program waits for a job of each lane to stop."""


class Stopped(KeyboardInterrupt):
    """The person does not want a job any more."""


@dataclass(eq=False)
class Job:
    """Work in a lane; it is also the `Progress` that the work tells."""

    title: str
    work: "Callable[[Job], Any]"
    then: Callable[[Any], None]
    lane: Lane = "quick"
    owner: object = None
    """Whose job it is; a new job of the same owner may replace it."""
    state: State = "waiting"
    error: str = ""
    """For the user; of a job that failed."""
    done: int = 0
    total: int = 0
    loss: float | None = None
    score: float | None = None
    _stop: threading.Event = field(default_factory=threading.Event)

    def __call__(self, done: int, total: int, loss: float | None = None, score: float | None = None) -> None:
        """Progress; raises `Stopped` once the job is cancelled."""
        self.done, self.total = done, total
        self.loss, self.score = loss if loss is not None else self.loss, score if score is not None else self.score
        self.check()

    def check(self) -> None:
        """Raise `Stopped` once the job is cancelled."""
        if self._stop.is_set():
            raise Stopped(f"{self.title}: stopped")

    def cancel(self) -> None:
        """End the job where it next tells its progress; one that waits never begins."""
        self._stop.set()
        if self.state == "waiting":
            self.state = "stopped"

    @property
    def is_open(self) -> bool:
        """Whether it waits or runs."""
        return self.state in ("waiting", "running")


class Worker:
    """The lanes and their jobs."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        """Those that wait or run."""
        self._queues: dict[Lane, queue.SimpleQueue[tuple[Job, asyncio.AbstractEventLoop] | None]] = {
            "quick": queue.SimpleQueue(), "long": queue.SimpleQueue()
        }  # fmt: skip
        self._threads = [
            threading.Thread(target=self._run, args=(waiting,), name=f"studio-{lane}", daemon=True)
            for lane, waiting in self._queues.items()
        ]
        for thread in self._threads:
            thread.start()

    def start(self, job: Job, replaces: bool = False) -> Job:
        """Put a job into its lane; `replaces` cancels the owner's other ones. Called in the event loop's thread."""
        if replaces:
            for other in self.jobs:
                if other.owner is job.owner:
                    other.cancel()
        self.jobs = [other for other in self.jobs if other.is_open] + [job]
        self._queues[job.lane].put((job, asyncio.get_running_loop()))
        return job

    def close(self) -> None:
        """End all jobs and the threads, when the program ends; one that computes then would abort it."""
        for job in self.jobs:
            job.cancel()
        for waiting in self._queues.values():
            waiting.put(None)
        for thread in self._threads:
            thread.join(PATIENCE)

    def _run(self, waiting: "queue.SimpleQueue[tuple[Job, asyncio.AbstractEventLoop] | None]") -> None:
        while found := waiting.get():
            job, loop = found
            if job.state != "waiting":
                continue
            job.state = "running"
            try:
                result = job.work(job)
            except Stopped:
                job.state = "stopped"
                continue
            except Exception as error:
                is_ours = isinstance(error, user_errors())
                if not is_ours:
                    log(traceback.format_exc())
                job.error, job.state = to_message(error) if is_ours else FAULT, "failed"
                continue
            if not loop.is_closed():
                loop.call_soon_threadsafe(_finish, job, result)


def _finish(job: Job, result: Any) -> None:
    """Hand a result over, in the event loop's thread."""
    try:
        job.then(result)
        job.state = "done"
    except Exception:
        log(traceback.format_exc())
        job.error, job.state = FAULT, "failed"
