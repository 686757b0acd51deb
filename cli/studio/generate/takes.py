"""What the tab Generate asks for, and what is made of it: takes of a prompt, the best first, and what is beside them.

Runs in the worker's thread, with what the command `generate` uses. Knows no pages.
"""

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from cli.beside import choose_exemplars, generate_plain
from cli.errors import UsageError
from cli.jobs.keep_best import make_rank
from cli.load_models import check_seconds
from cli.studio.worker import Job
from cli.studio.workshop import Workshop
from lead.text.prompts import TOKEN, find_tokens

if TYPE_CHECKING:
    from lead import Motion
    from lead.ranking import Score

MOST_TAKES = 16


@dataclass(frozen=True)
class Request:
    """Motions of one prompt."""

    prompt: str
    seconds: float = 4.0
    seed: int = 0
    number: int = 1
    guidance: float | None = None
    """None is the base's own, as for the steps."""
    steps: int | None = None
    lock_feet: bool = True
    loop: bool = False
    in_place: bool = False
    strengths: Mapping[str, float] = field(default_factory=dict)
    """Of the concepts, by token; one that is not here has strength 1."""

    @property
    def text(self) -> str:
        """The prompt with the strengths in it, as the base reads it."""
        return TOKEN.sub(lambda match: self._weigh(match[0]), self.prompt)

    def _weigh(self, token: str) -> str:
        strength = self.strengths.get(token.lower(), 1.0)
        return token if strength == 1.0 else f"({token}:{strength:g})"


@dataclass(frozen=True, eq=False)
class Take:
    """A motion of a request."""

    motion: "Motion"
    generated: "Motion"
    """The motion before it was made a loop or put in place: what is scored."""
    place: int
    """Among the motions of the request, from 0; with the seed it decides the noise."""
    text: str
    """The prompt that it was made from, with strengths."""
    score: "Score | None" = None
    """Where there are several to choose from."""
    picture: str = ""
    """A small PNG as a data: URI; the same."""


@dataclass(frozen=True, eq=False)
class Made:
    """What came of a request."""

    request: Request
    takes: tuple[Take, ...]
    """The best first."""
    exemplar: "Motion | None" = None
    """Of the concepts in the prompt, where their files have one."""
    plain: "Motion | None" = None
    """The same noise without the concepts; None where there are none."""
    notes: tuple[str, ...] = ()
    """What the person should know, in sentences."""

    @property
    def tokens(self) -> tuple[str, ...]:
        """The concepts in the prompt."""
        return tuple(find_tokens(self.request.prompt))


def make(workshop: Workshop, request: Request, job: Job) -> Made:
    """The motions of a request, ranked where there are several, and what stands beside them.

    Raises what `generate` raises for prompts, words and lengths that cannot be used.
    """
    _check(workshop, request)
    concepts = workshop.concepts.find_of([request.prompt], workshop.base)
    motions = _generate(workshop, request, range(request.number), job)
    notes = list(dict.fromkeys(note for motion in motions for note in motion.notes))
    takes, left_out = _finish(_rank(workshop, request, motions, job), request)
    notes += left_out
    job.check()
    exemplars = choose_exemplars(concepts.values(), [request.text], [takes[0].motion], [])
    plain = generate_plain(
        concepts.values(),
        [request.prompt] * request.number,
        lambda prompt, place: _generate(workshop, replace(request, prompt=prompt), [place], job)[0],
        [takes[0].place],
    )
    return Made(request, takes, exemplars[0] if exemplars else None, plain.get(takes[0].place), tuple(notes))


def remake(workshop: Workshop, made: Made, request: Request, place: int, job: Job) -> Made:
    """A take made anew by another request with the same noise; the others stay as they are."""
    _check(workshop, request)
    (motion,) = _generate(workshop, request, [place], job)
    takes, _ = _finish([Take(motion, motion, place, request.text)], request)
    kept = tuple(takes[0] if take.place == place else take for take in made.takes)
    return replace(made, request=request, takes=kept)


def rescore(workshop: Workshop, made: Made, place: int, job: Job) -> Made:
    """The same with the score and the picture of a take that was made anew; the order of the takes stays."""
    take = next(take for take in made.takes if take.place == place)
    (scored,) = _rank(workshop, made.request, [take.generated], job)
    own = replace(take, score=scored.score, picture=scored.picture)
    return replace(made, takes=tuple(own if one is take else one for one in made.takes))


def _check(workshop: Workshop, request: Request) -> None:
    """UsageError for a request that cannot be made."""
    if not request.prompt.strip():
        raise UsageError('the prompt is empty; say what the person does, as "a person walks".')
    if not 1 <= request.number <= MOST_TAKES:
        raise UsageError(f"{request.number} motions; 1 to {MOST_TAKES} are made at once.")
    check_seconds(workshop.base, request.seconds, "length")


def _generate(workshop: Workshop, request: Request, places: Sequence[int], job: Job) -> "list[Motion]":
    """The motions at some places, each with the noise of its place."""
    base, motions = workshop.base, []
    words = workshop.concepts.load_words([request.text], base)
    for count, place in enumerate(places, start=1):
        motions += base.generate(
            [request.text],
            seconds=request.seconds,
            words=words,
            seed=request.seed,
            steps=request.steps,
            guidance=request.guidance,
            clean_feet=request.lock_feet,
            first=place,
        )
        job(count, len(places))
    return motions


def _rank(workshop: Workshop, request: Request, motions: "Sequence[Motion]", job: Job) -> list[Take]:
    """The motions as takes, the best first, with pictures where there are several."""
    if request.number == 1:
        return [Take(motions[0], motions[0], 0, request.text)]
    concepts = list(workshop.concepts.find_of([request.prompt], workshop.base).values())
    words = workshop.concepts.load_words([request.text], workshop.base)
    takes = []
    for score in make_rank(workshop.base, concepts, words)(motions, request.text):
        job.check()
        motion = motions[score.place]
        takes.append(Take(motion, motion, score.place, request.text, score, draw_picture(motion)))
    return takes


def draw_picture(motion: "Motion") -> str:
    """A small picture of a motion, as a data: URI."""
    from lead.motion.render.sheets import thumbnail

    return "data:image/png;base64," + base64.b64encode(thumbnail(motion)).decode("ascii")


def _finish(takes: Sequence[Take], request: Request) -> tuple[tuple[Take, ...], list[str]]:
    """The takes as loops or in place, and a note for each that has no cycle; UsageError where none has."""
    from lead.motion.errors import MotionError

    finished, notes, why = [], [], ""
    for take in takes:
        try:
            motion = take.motion.loop() if request.loop else take.motion
        except MotionError as error:
            why = why or str(error)
            notes.append(f"take {take.place + 1} is left out: {re.split('[:;]', str(error))[0]}.")
            continue
        finished.append(replace(take, motion=motion.in_place() if request.in_place else motion))
    if not finished:
        raise UsageError(f"{why} Make more motions: those with a cycle are shown.")
    return tuple(finished), notes
