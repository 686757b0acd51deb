"""Learning in the studio: what the command `learn` does, with motions of the concept while it is learned.

Runs in the worker's long lane, on a base that shares its weights, so that motions can be generated meanwhile. A page
reads `LearnRun`, which only the worker writes. Knows no pages.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from cli.destination import Destination
from cli.errors import UsageError
from cli.jobs.learn_one import Learned, LearnOptions, check_init, learn_and_save, save_report
from cli.studio.clips.clip_list import ClipList
from cli.studio.clips.looking import Looked, Part, look
from cli.studio.worker import Job, Stopped
from cli.studio.workshop import Workshop

if TYPE_CHECKING:
    from concepts import Concept, Library
    from concepts.provenance import Credits
    from inversion.encoded_clips import EncodedClips
    from inversion.judgement.trials import Trials
    from inversion.report import Report
    from lead import Lead, Motion

PAUSE, SHARE = 2.0, 5.0
"""Seconds between two motions of a concept in progress, at least, and as a multiple of what the last one took."""
BESIDE = 2
"""Clips that are shown beside generations."""
Stage = Literal["waiting", "looking", "learning", "trying", "done"]


@dataclass(frozen=True, eq=False)
class Order:
    """What is learned, from what."""

    token: str
    options: LearnOptions
    parts: tuple[Part, ...]
    looked: Looked | None = None
    """What was said of these clips; None: they are looked at again."""
    seed: int = 0
    credits: "Credits | None" = None
    replace: bool = False
    """Whether a concept of the same token in the library is replaced."""


@dataclass(eq=False)
class LearnRun:
    """How far learning is."""

    order: Order
    stage: Stage = "waiting"
    started: float = field(default_factory=time.monotonic)
    done: int = 0
    total: int = 0
    losses: list[float] = field(default_factory=list)
    preview: "Motion | None" = None
    """Of the concept in progress."""
    preview_step: int = 0
    """After how many steps."""
    first_motion: float | None = None
    """Seconds from the start to the first preview."""
    clips: "tuple[Motion, ...]" = ()
    """Some that it learns from, on one skeleton."""
    learned: Learned | None = None
    trials: "Trials | None" = None
    """The motions of the report."""
    notes: list[str] = field(default_factory=list)
    enough: threading.Event = field(default_factory=threading.Event)
    """Set when the person wants the best so far."""
    job: Job | None = None

    @property
    def is_open(self) -> bool:
        """Whether it goes on."""
        return self.job is not None and self.job.is_open

    def stop(self) -> None:
        """End the search, whose best is kept; end the report; or, before the search, all of it."""
        if self.stage == "learning":
            self.enough.set()
        elif self.job:
            self.job.cancel()


def start_learning(
    workshop: Workshop, order: Order, then: Callable[[], None], clips: ClipList | None = None
) -> LearnRun:
    """Begin to learn; `then` is called in the event loop's thread at the end.

    `clips` are those of the order: where they are being looked at, what is said of them is waited for.
    """
    run, loop = LearnRun(order), asyncio.get_running_loop()

    def tell_saved() -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(workshop.library_changed.emit)

    version = clips.version if clips else 0

    def find_look(job: Job) -> Looked | None:
        return order.looked or (_await_look(clips, version, job) if clips else None)

    run.job = workshop.start(
        f"learning {order.token}", lambda job: _learn(workshop, run, job, find_look(job), tell_saved),
        lambda _: then(), lane="long",
    )  # fmt: skip
    return run


def _await_look(clips: ClipList, version: int, job: Job) -> Looked | None:
    """What is said of clips that are being looked at; None where they changed, or that failed."""
    while clips.version == version and clips.looked is None and clips.job is not None and clips.job.is_open:
        time.sleep(0.02)
        job.check()
    return clips.looked if clips.version == version else None


def _learn(workshop: Workshop, run: LearnRun, job: Job, looked: Looked | None, tell_saved: Callable[[], None]) -> None:
    """All of it; raises what the command `learn` raises."""
    order = run.order
    destination = Destination.choose(order.token, None, order.replace, workshop.library)
    destination.check_writable()
    check_init(order.options.init, run.notes.append)
    run.stage = "looking"
    base = workshop.base.share_weights()
    looked = looked or look(base, order.parts, order.options.kind, job)
    encoded = looked.check_usable()
    run.clips = tuple(clip.on_one_skeleton() for clip in encoded.clips[:BESIDE])
    run.stage = "learning"
    run.learned = learned = _search(base, encoded, destination, run, job)
    tell_saved()
    run.stage = "trying"
    if order.options.quality != "fast":
        try:
            run.learned = save_report(learned, _try(base, encoded, learned.concept, run, job), destination)
            tell_saved()
        except Stopped:
            run.notes.append(f"{order.token} is saved without a report.")
    run.stage = "done"


def _search(base: "Lead", encoded: "EncodedClips", destination: Destination, run: LearnRun, job: Job) -> Learned:
    """The concept, saved; Stopped where nothing is."""
    from concepts.provenance import Credits

    order = run.order

    def advance(done: int, total: int, loss: float | None = None, score: float | None = None) -> None:
        run.done, run.total = done, total
        run.losses += [loss] if loss is not None else []
        job(done, total, loss, score)
        if run.enough.is_set():
            raise KeyboardInterrupt("enough")

    try:
        return learn_and_save(
            base, encoded, destination, order.options, order.seed, order.credits or Credits(), advance,
            _watch(base, encoded, run),
        )  # fmt: skip
    except KeyboardInterrupt as stop:
        raise Stopped(str(stop)) from None


def _watch(base: "Lead", encoded: "EncodedClips", run: LearnRun) -> "Callable[[Callable[[], Concept]], None]":
    """What shows a motion of the concept in progress every few seconds."""
    from inversion.judgement.trials import plan_trials

    due = 0.0

    def watch(make: "Callable[[], Concept]") -> None:
        nonlocal due
        if time.monotonic() < due or run.enough.is_set():
            return
        began, concept = time.monotonic(), make()
        plan = plan_trials(concept, encoded)
        run.preview, run.preview_step = (
            base.generate([plan.own.with_token], seconds=plan.seconds, words=concept.words, seed=run.order.seed)[0],
            concept.steps,
        )
        ended = time.monotonic()
        run.first_motion = run.first_motion or ended - run.started
        due = ended + max(PAUSE, SHARE * (ended - began))

    return watch


def _try(base: "Lead", encoded: "EncodedClips", concept: "Concept", run: LearnRun, job: Job) -> "Report":
    """The report, made as the command makes it; its motions are kept. Stopped once the job is cancelled."""
    from inversion.judgement.trials import plan_trials, run_trials
    from inversion.report import judge_trials

    job.check()
    trials = run_trials(base, concept, plan_trials(concept, encoded))
    job.check()
    report = judge_trials(base, concept.kind, encoded, trials)
    job.check()
    run.trials = trials
    return report


def check_order(order: Order, library: "Library") -> None:
    """ConceptError for a token, UsageError for one that is taken or clips that teach nothing, before any work."""
    from concepts import check_token

    check_token(order.token)
    if not order.replace and library.find(order.token):
        raise UsageError(
            f"the library has {order.token} already: choose another name, or tick “replace a word of the same name” "
            "under “more”."
        )
    if not order.parts:
        raise UsageError("there are no clips to learn from: add some in the tab Clips.")
    if order.looked:
        order.looked.check_usable()
