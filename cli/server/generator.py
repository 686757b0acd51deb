"""The base and the library behind the server: the prompts and reference clips of several requests to motions.

Words in angle brackets are concepts of the library (`kept_concepts`). Runs in the queue's one thread; knows neither
HTTP nor the protocol's requests.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from motionmcp.errors import ProtocolError

from cli.server.kept_concepts import KeptConcepts
from cli.server.limits import MAX_TOKENS
from cli.server.refusals import report_refusals
from cli.server.takes import Part, Piece
from concepts import Concept, Library
from inversion.reference import encode_like, generate_like
from lead.text.prompts import find_tokens

if TYPE_CHECKING:
    from lead import Lead, Motion

AT_ONCE = 8
"""Motions that are made before it is asked whether anybody waits for them."""
FINISHERS = 1
"""Threads that make answers of motions, beside the one that samples; more of them only wait for each other (GIL)."""


@dataclass(frozen=True)
class Sampling:
    """How motions are sampled; None is the base's own."""

    steps: int | None = None
    guidance: float | None = None
    clean_feet: bool = True


@dataclass(frozen=True, eq=False)
class Order:
    """The motions of a request, and what is made of them."""

    pieces: Sequence[Piece]
    sampling: Sampling
    finish: "Callable[[Sequence[Motion], Sequence[str]], Any]"
    """Called with the pieces' motions, and with what the base does not know of the prompts, in sentences; what it
    returns is the request's answer. It runs beside the sampling of others, so it may not use the base."""

    def find_group(self, longest: float) -> Hashable:
        """Orders of equal groups are made together, on a base that makes motions of at most so many seconds.

        What has to be made alone is a group of its own, so that nobody else waits for its end.
        """
        return self.sampling if all(piece.fits(longest) for piece in self.pieces) else self


class Generator:
    """A loaded base with its library."""

    def __init__(
        self,
        base: "Lead",
        library: Library | None = None,
        concepts: Sequence[Concept] = (),
        allow_mismatch: bool = False,
    ) -> None:
        self.base = base
        self.concepts = KeptConcepts(library or Library(), concepts, allow_mismatch)
        self._finishers = ThreadPoolExecutor(FINISHERS, "finisher")

    def check_prompt(self, prompt: str) -> None:
        """ProtocolError for a word that is not there, too many of them, and for a strength that is none.

        Any thread may call it; everything else here belongs to the queue's.
        """
        with report_refusals():
            tokens = find_tokens(prompt)
            if len(tokens) > MAX_TOKENS:
                raise ProtocolError("invalid_request", f"{len(tokens)} learned words in a prompt; at most {MAX_TOKENS}")
            for token in tokens:
                self.concepts.locate(token)

    def list_tokens(self) -> list[str]:
        """The words that prompts may name."""
        return self.concepts.list_tokens()

    def close(self) -> None:
        """End the threads that make answers."""
        self._finishers.shutdown(cancel_futures=True)

    def run(self, orders: Sequence[Order], check: Callable[[], None]) -> Iterator[tuple[int, Any]]:
        """The answers to orders of one group, as they are ready: the order's number, and a future or an exception.

        `check` is called before each few motions, and at each step of one that is made alone; what it raises ends all.
        """
        if len(orders) > 1:
            answered = 0
            try:
                for number, answer in self._run_together(orders, check):
                    answered = number + 1
                    yield number, answer
            except ProtocolError:  # one of them cannot be made: the others can
                pass
            for number in range(answered, len(orders)):
                yield number, self._run_alone(orders[number], check)
        elif orders:
            yield 0, self._run_alone(orders[0], check)

    def _run_alone(self, order: Order, check: Callable[[], None]) -> Any:
        try:
            ((_, answer),) = self._run_together([order], check)
        except Exception as error:  # of every kind: it is the answer
            return error
        return answer

    def _run_together(self, orders: Sequence[Order], check: Callable[[], None]) -> "Iterator[tuple[int, Future[Any]]]":
        pieces = [piece for order in orders for piece in order.pieces]
        unknown = self._find_unknown([prompt for piece in pieces for prompt in piece.prompts])
        motions: list[Motion] = []
        number = 0
        for start in range(0, len(pieces), AT_ONCE):
            check()
            with report_refusals():
                motions += self._make(pieces[start : start + AT_ONCE], orders[0].sampling, check)
            while number < len(orders) and len(motions) >= (count := len(orders[number].pieces)):
                order, own, motions = orders[number], motions[:count], motions[count:]
                prompts = [prompt for piece in order.pieces for prompt in piece.prompts]
                told = dict.fromkeys(unknown[prompt] for prompt in prompts if prompt in unknown)
                yield number, self._finishers.submit(order.finish, own, list(told))
                number += 1

    def _find_unknown(self, prompts: Sequence[str]) -> dict[str, str]:
        """What the base was not trained on, by prompt, in sentences."""
        every = list(dict.fromkeys(prompts))
        with report_refusals():
            return {text: one.message for text, one in zip(every, self.base.find_unknown(every), strict=True) if one}

    def _make(self, pieces: Sequence[Piece], sampling: Sampling, check: Callable[[], None]) -> "list[Motion]":
        """A motion for each piece: those of one prompt together, those of one clip together, and others one by one."""
        _, longest = self.base.seconds_range
        settings: dict[str, Any] = {
            "steps": sampling.steps, "guidance": sampling.guidance, "clean_feet": sampling.clean_feet
        }  # fmt: skip
        made: dict[int, Motion] = {}
        told, like = dict[int, Part](), dict[int, Part]()
        for row, piece in enumerate(pieces):
            if not piece.fits(longest):
                made[row] = self._make_alone(piece, settings, check)
            elif piece.parts[0].reference is None:
                told[row] = piece.parts[0]
            else:
                like[row] = piece.parts[0]
        if told:
            prompts = [part.prompt for part in told.values()]
            seconds, seeds = [part.seconds for part in told.values()], [part.seed for part in told.values()]
            words = self.concepts.load_words(prompts, self.base)
            made |= zip(
                told, self.base.generate(prompts, seconds=seconds, seed=seeds, words=words, **settings), strict=True
            )
        if like:
            clips = [clip for part in like.values() if (clip := part.reference) is not None]
            seconds, seeds = [part.seconds for part in like.values()], [part.seed for part in like.values()]
            made |= zip(like, generate_like(self.base, clips, seconds=seconds, seeds=seeds, **settings), strict=True)
        return [made[row] for row in range(len(pieces))]

    def _make_alone(self, piece: Piece, settings: dict[str, Any], check: Callable[[], None]) -> "Motion":
        """The motion of a timeline, or of a prompt with constraints."""
        words, first = self.concepts.load_words(piece.prompts, self.base), piece.parts[0]
        settings = {**settings, "words": words, "constraints": piece.constraints, "progress": lambda done, of: check()}
        if len(piece.parts) == 1 and first.reference is None and piece.seconds <= self.base.seconds_range[1]:
            return self.base.generate([first.prompt], seconds=first.seconds, seed=[first.seed], **settings)[0]
        anything = self.base.text.encode_unconditional()[0]
        conditions = {
            place: anything if part.reference is None else encode_like(self.base, [part.reference])[0]
            for place, part in enumerate(piece.parts)
            if not part.prompt
        }
        return self.base.generate_timeline(piece.to_timeline(), conditions=conditions, **settings)
