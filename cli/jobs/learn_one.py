"""Clips to a concept in the library or a file: what the command `learn` and the studio share.

A concept is saved as soon as it is learned, and again with the scores of its report. While it is learned, its state
lies beside it, so that the same work resumes after a crash. Prints nothing.
"""

import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.command import OptionGroup, ignore_interrupts
from cli.console import Progress
from cli.credits import add_credits
from cli.destination import Destination
from cli.errors import UsageError
from cli.options import Captions
from concepts.kinds import Kind
from inversion.choices import MAX_VECTORS, Objective, Quality

if TYPE_CHECKING:
    from concepts import Concept
    from concepts.provenance import Credits
    from inversion.assess import AssessedClip
    from inversion.encoded_clips import EncodedClips
    from inversion.learning import Watch
    from inversion.report import Report
    from lead import Lead

MOST_CLIPS = 300
"""So many clips take a gigabyte and, on two cores, more than a minute. A concept needs 1 to 30."""


@dataclass(frozen=True)
class LearnOptions(OptionGroup):
    """What is learned, and how long the search takes."""

    kind: Annotated[
        Kind,
        typer.Option(
            help="What the word means: something a person does, a way of doing it, or one person's way of moving."
        ),
    ] = "style"
    quality: Annotated[Quality, typer.Option(help="How long to search. fast takes seconds and gives no report.")] = (
        "balanced"
    )
    captions: Captions = None
    init: Annotated[str | None, typer.Option(metavar="TEXT", help="Known words of similar meaning, to start from.")] = (
        None
    )
    steps: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Training steps (default: depends on --quality).")
    ] = None
    vectors: Annotated[int, typer.Option(min=1, max=MAX_VECTORS, metavar="N", help="Token vectors of the word.")] = 2
    objective: Annotated[
        Objective | None,
        typer.Option(help="What the training compares with the clips (default: the best in our benchmark)."),
    ] = None


@dataclass(frozen=True)
class Learned:
    """A saved concept, and how it was learned."""

    concept: "Concept"
    steps_asked: int
    """The search may end before that many."""
    seconds: float
    """Duration of the search."""
    report: "Report | None"
    """None for quality "fast", and before it is made."""


def check_init(init: str | None, hint: Callable[[str], None]) -> None:
    """UsageError for a learned word in `--init`; a hint where a plain word there is also the name of one."""
    from concepts import Library
    from lead.text.prompts import TOKEN, find_plain_names

    if init is None:
        return
    found = find_plain_names([init], Library())
    if "<" in init or ">" in init or TOKEN.search(init):
        named = f", not the learned word {min(found)}" if found else ""
        raise UsageError(f'--init {init!r}: expected plain words that the base knows, as "walks backward"{named}.')
    for token, (name, _) in found.items():
        hint(f"{name!r} in --init is a plain word of the base, not the learned word {token}")


def word_action(clip: "AssessedClip", captioned: bool) -> tuple[str, str, str]:
    """What a clip is taken for, how sure that is, and what it may be instead."""
    if captioned:
        return clip.action, "caption", ""
    if not clip.known:
        guesses = [clip.action, *(guess.action for guess in clip.alternatives[:-1])]
        return "unknown", "", "; ".join(guesses)
    action = f"{clip.action}; also {', '.join(clip.also)}" if clip.also else clip.action
    others = [f"{guess.action} {guess.confidence:.0%}" for guess in clip.alternatives if guess.confidence >= 0.005]
    return action, f"{clip.confidence:.0%}" + ", as the others" * clip.supported, "; ".join(others)


def learn_and_save(
    model: "Lead",
    encoded: "EncodedClips",
    destination: Destination,
    options: LearnOptions,
    seed: int,
    credits: "Credits",
    progress: Progress,
    watch: "Watch | None" = None,
) -> Learned:
    """Learn a concept and save it, without a report.

    A KeyboardInterrupt that `progress` raises ends the search, and the best concept so far is saved; before the first
    step nothing is, and KeyboardInterrupt is raised. Raises UsageError where the place cannot be written.
    """
    started = time.perf_counter()
    destination.prepare_folder()
    with destination.reserve():
        concept, steps_asked = _search(model, encoded, destination, options, seed, progress, watch)
        with ignore_interrupts():
            concept, seconds = add_credits(concept, credits), time.perf_counter() - started
            destination.save(concept)
    return Learned(concept, steps_asked, round(seconds, 3), None)


def save_report(learned: Learned, report: "Report", destination: Destination) -> Learned:
    """Save the concept again, with the report's numbers among its scores."""
    concept = dataclasses.replace(learned.concept, scores={**learned.concept.scores, **report.scores})
    destination.save(concept, replace=True)
    return dataclasses.replace(learned, concept=concept, report=report)


def _search(
    model: "Lead",
    encoded: "EncodedClips",
    destination: Destination,
    options: LearnOptions,
    seed: int,
    progress: Progress,
    watch: "Watch | None",
) -> "tuple[Concept, int]":
    """`inversion.learn`, and its number of steps."""
    from inversion import learn as learn_concept

    checkpoint, steps_asked = destination.file.with_name(f".{destination.file.stem}.partial"), 0
    given: dict[str, Any] = {"steps": options.steps, "objective": options.objective, "watch": watch}
    given = {name: value for name, value in given.items() if value is not None}

    def advance(done: int, total: int, loss: float, score: float) -> None:
        nonlocal steps_asked
        steps_asked = total
        progress(done, total, loss, score)

    try:
        concept = learn_concept(
            model, encoded, token=destination.token, init=options.init, kind=options.kind, quality=options.quality,
            vectors=options.vectors, seed=seed, checkpoint=checkpoint,
            progress=advance, **given,
        )  # fmt: skip
    except RuntimeError as error:
        if "inline_container" not in str(error):  # torch's message where it cannot write a file
            raise
        raise UsageError(
            f"{checkpoint} cannot be written: the disk may be full. Free some space and try again."
        ) from error
    if not concept.steps:
        raise KeyboardInterrupt(f"stopped before the first step; nothing of {destination.token} is kept")
    return concept, steps_asked or concept.steps
