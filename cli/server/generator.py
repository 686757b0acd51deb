"""The base and the library behind the server: the prompts and reference clips of several requests to motions.

Words in angle brackets are concepts of the library (`kept_concepts`). Runs in the queue's one thread; knows neither
HTTP nor the protocol's requests.
"""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from motionmcp.errors import ProtocolError

from cli.server.kept_concepts import KeptConcepts
from cli.server.limits import MAX_TOKENS
from cli.server.refusals import report_refusals
from cli.server.takes import Piece
from concepts import Concept, Library
from inversion.reference import generate_like
from lead.text.prompts import find_tokens

if TYPE_CHECKING:
    from lead import Lead, Motion

AT_ONCE = 8
"""Motions that are made before it is asked whether anybody waits for them."""
FINISHERS = 2
"""Threads that make answers of motions."""


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

    def run(self, orders: Sequence[Order], check: Callable[[], None]) -> list[Any]:
        """The answers to orders of the same sampling, each a result or an exception."""
        if len(orders) > 1:
            try:
                return self._run_together(orders, check)
            except ProtocolError:  # one of them cannot be made: the others can
                pass
        answers: list[Any] = []
        for order in orders:
            try:
                answers += self._run_together([order], check)
            except Exception as error:  # of every kind: it is the answer
                answers.append(error)
        return answers

    def _run_together(self, orders: Sequence[Order], check: Callable[[], None]) -> list[Any]:
        pieces = [piece for order in orders for piece in order.pieces]
        unknown = self._find_unknown([piece.prompt for piece in pieces if piece.prompt])
        motions: list[Motion] = []
        waiting, answers = deque(orders), list[Future[Any]]()
        for start in range(0, len(pieces), AT_ONCE):
            check()
            with report_refusals():
                motions += self._make(pieces[start : start + AT_ONCE], orders[0].sampling)
            while waiting and len(motions) >= (count := len(waiting[0].pieces)):
                order, own, motions = waiting.popleft(), motions[:count], motions[count:]
                told = dict.fromkeys(unknown[piece.prompt] for piece in order.pieces if piece.prompt in unknown)
                answers.append(self._finishers.submit(order.finish, own, list(told)))
        return [answer.exception() or answer.result() for answer in answers]

    def _find_unknown(self, prompts: Sequence[str]) -> dict[str, str]:
        """What the base was not trained on, by prompt, in sentences."""
        every = list(dict.fromkeys(prompts))
        with report_refusals():
            return {text: one.message for text, one in zip(every, self.base.find_unknown(every), strict=True) if one}

    def _make(self, pieces: Sequence[Piece], sampling: Sampling) -> "list[Motion]":
        """A motion for each piece."""
        made: dict[int, Motion] = {}
        like = [row for row, piece in enumerate(pieces) if piece.reference is not None]
        told = [row for row, piece in enumerate(pieces) if piece.reference is None]
        settings: dict[str, Any] = {
            "steps": sampling.steps, "guidance": sampling.guidance, "clean_feet": sampling.clean_feet
        }  # fmt: skip
        if told:
            prompts = [pieces[row].prompt for row in told]
            seconds, seeds = [pieces[row].seconds for row in told], [pieces[row].seed for row in told]
            words = self.concepts.load_words(prompts, self.base)
            made |= zip(
                told,
                self.base.generate(prompts, seconds=seconds, seed=seeds, words=words, **settings),
                strict=True,
            )
        if like:
            clips = [clip for row in like if (clip := pieces[row].reference) is not None]
            seconds, seeds = [pieces[row].seconds for row in like], [pieces[row].seed for row in like]
            made |= zip(like, generate_like(self.base, clips, seconds=seconds, seeds=seeds, **settings), strict=True)
        return [made[row] for row in range(len(pieces))]
