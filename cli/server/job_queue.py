"""Jobs that wait for the model, one thread that works on them, and how they end: done, refused, too late, given up.

Jobs of the same settings that wait together are worked on together, which costs less than one by one. The number of
jobs that wait is bounded, and so is the time until a job is answered. A job whose client has gone is not begun; one
that is being worked on ends after the motions that the model is making. Knows nothing of HTTP and of motions.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from motionmcp.errors import ProtocolError

from cli.server.limits import QueueLimits

STOPPED = "the server is being stopped"


class NobodyWaits(Exception):  # noqa: N818 - it ends work and reports no fault
    """Nobody waits for these jobs any more."""


@dataclass(eq=False)
class Job:
    """A piece of work, and whether somebody waits for it."""

    work: Any
    group: Hashable
    """Jobs of equal groups may be worked on together."""
    size: int
    """How much of a batch it takes."""
    answer: "Future[Any]" = field(default_factory=Future)
    stop: threading.Event = field(default_factory=threading.Event)
    answered: bool = False


Run = Callable[[Sequence[Any], Callable[[], None]], Iterable[tuple[int, Any]]]
"""Work to answers as they are ready: which work, and a result, an exception, or a future that will have one.

Its second argument, called now and then, raises `NobodyWaits`.
"""


class JobQueue:
    """A bounded queue with one worker."""

    def __init__(self, run: Run, limits: QueueLimits = QueueLimits(), batch: int = 32) -> None:
        self.limits = limits
        self.done = 0
        """Jobs that were done and answered."""
        self._run, self._batch = run, batch
        self._waiting: deque[Job] = deque()
        self._working: Sequence[Job] = ()
        self._change = threading.Condition()
        self._open = True
        self._thread = threading.Thread(target=self._work, name="generator", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Jobs that are not begun."""
        return len(self._waiting)

    @property
    def working(self) -> int:
        """Jobs that are worked on."""
        return len(self._working)

    async def ask(self, work: Any, group: Hashable, size: int = 1) -> Any:
        """The answer to some work; its exception is raised here.

        ProtocolError where the queue is full or closed, and after `limits.seconds`. Where the caller is cancelled, the
        job is too.
        """
        job = Job(work, group, size)
        self._put(job)
        try:
            async with asyncio.timeout(self.limits.seconds):
                return await asyncio.wrap_future(job.answer)
        except TimeoutError:
            raise ProtocolError(
                "timeout",
                f"not done in {self.limits.seconds:g} s, and {self.waiting} requests wait; ask for less, or later",
            ) from None
        finally:
            job.stop.set()

    def refuse_all(self) -> None:
        """Refuse what waits, what is worked on, and what comes."""
        with self._change:
            self._open = False
            refused, self._waiting = [*self._waiting, *self._working], deque()
            for job in refused:
                job.stop.set()
            self._change.notify_all()
        for job in refused:
            self._answer(job, ProtocolError("model_unavailable", STOPPED))

    def close(self) -> None:
        """Refuse everything, and wait until the worker has ended."""
        self.refuse_all()
        self._thread.join()

    def _put(self, job: Job) -> None:
        with self._change:
            if not self._open:
                raise ProtocolError("model_unavailable", STOPPED)
            self._drop_stopped()
            if len(self._waiting) >= self.limits.waiting:
                raise ProtocolError(
                    "resource_exhausted",
                    f"{len(self._waiting)} requests wait already, and no more may; try again in some seconds",
                )
            self._waiting.append(job)
            self._change.notify()

    def _take(self) -> Sequence[Job]:
        """The job that came first and those that go with it; none when the queue is closed."""
        with self._change:
            self._working = ()
            while True:
                self._drop_stopped()
                if not self._open or self._waiting:
                    break
                self._change.wait()
            if not self._open:
                return ()
            taken, left, room = list[Job](), deque[Job](), 0
            for job in self._waiting:
                fits = not taken or (job.group == taken[0].group and room >= job.size)
                if not fits:
                    left.append(job)
                    continue
                room = (room if taken else self._batch) - job.size
                taken.append(job)
            self._waiting, self._working = left, taken
            return taken

    def _drop_stopped(self) -> None:
        self._waiting = deque(job for job in self._waiting if not job.stop.is_set())

    def _work(self) -> None:
        while jobs := self._take():

            def check(jobs: Sequence[Job] = jobs) -> None:
                if all(job.stop.is_set() for job in jobs):
                    raise NobodyWaits

            fault: Exception = AssertionError("a job without an answer")
            left = dict(enumerate(jobs))
            try:
                for number, answer in self._run([job.work for job in jobs], check):
                    self._answer(left.pop(number), answer)
            except Exception as error:  # of every kind: it is the answer
                fault = error
            for job in left.values():
                self._answer(job, fault)

    def _answer(self, job: Job, answer: Any) -> None:
        """Hand an answer over, unless the job has one or its asker has cancelled."""
        if isinstance(answer, Future):
            answer.add_done_callback(lambda future: self._answer(job, _get(future)))
            return
        with self._change:
            if job.answered:
                return
            job.answered = True
            if not job.answer.set_running_or_notify_cancel():
                return
            self.done += not isinstance(answer, Exception)
        if isinstance(answer, Exception):
            job.answer.set_exception(answer)
        else:
            job.answer.set_result(answer)


def _get(future: "Future[Any]") -> Any:
    """The result or the exception of a future that is done."""
    if future.cancelled():
        return ProtocolError("model_unavailable", STOPPED)
    return future.exception() or future.result()
