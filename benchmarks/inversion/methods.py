"""The methods that the inversion benchmark compares. Each is a function of (base, subject, clips, seed, budget).

A method returns a function that generates, and the phrase that asks for the concept. `budget` limits a method that
could train without end. It is in processor seconds, which do not depend on other programs. Baselines without a
pseudo-word: `benchmarks.inversion.baselines`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol, get_args

from benchmarks.inversion import baselines
from benchmarks.inversion.baselines import Generate
from benchmarks.inversion.concepts import Subject
from concepts import Concept
from inversion import learn
from inversion.choices import Objective
from lead import Lead, Motion


@dataclass(frozen=True)
class MethodResult:
    """The result of a method."""

    phrase: str
    """Fills a prompt's gap to ask for the concept."""
    generate: Generate
    """(prompts, seconds, seed, realign) -> motions; prompts without the phrase give the base's own motions."""
    bytes: int = 0
    """Size of what users would share."""
    steps: int = 0
    concept: Concept | None = None


class Make(Protocol):
    """The type of a method's function."""

    def __call__(
        self, base: Lead, subject: Subject, clips: Sequence[Motion], seed: int, budget: float
    ) -> MethodResult: ...


@dataclass(frozen=True)
class Method:
    """A method's label, its function, and how its cells are treated."""

    label: str
    make: Make
    searches: bool = False
    """It calls `learn`; its cells are stale when the code of `learn` changes."""
    budgeted: bool = False
    """It may take as long as the recipe took."""
    both_paths: bool = False
    """Its motions are judged with and without the projector."""


def make_generate(base: Lead, words: Any = None) -> Generate:
    """A function that generates with the base, and with `words` if given."""

    def generate(prompts: Sequence[str], seconds: Sequence[float], seed: int, realign: bool) -> list[Motion]:
        return base.generate(prompts, seconds=seconds, words=words, seed=seed, realign=realign)

    return generate


def use_no_word(base: Lead, subject: Subject, clips: Sequence[Motion], seed: int, budget: float) -> MethodResult:
    """The base without any word for the concept."""
    return MethodResult(subject.no_phrase, make_generate(base))


def use_real_word(base: Lead, subject: Subject, clips: Sequence[Motion], seed: int, budget: float) -> MethodResult:
    """The base with the concept's English name in the prompt."""
    return MethodResult(subject.real_phrase, make_generate(base))


def learn_word(
    base: Lead, subject: Subject, clips: Sequence[Motion], seed: int, budget: float, **options: Any
) -> MethodResult:
    """`inversion.learn` with its defaults, except for `options`."""
    captions = subject.captions(seed)
    concept = learn(base, clips, subject.token, kind=subject.kind, captions=captions, seed=seed, **options)
    return use_concept(base, subject, concept)


def use_concept(base: Lead, subject: Subject, concept: Concept) -> MethodResult:
    """The result of a method that has learned `concept`."""
    generate = make_generate(base, concept.words)
    return MethodResult(subject.word_phrase, generate, len(concept.to_bytes()), concept.steps, concept)


def _baseline(make: Callable[..., tuple[str, Generate, int, int]], **options: Any) -> Make:
    def method(base: Lead, subject: Subject, clips: Sequence[Motion], seed: int, budget: float) -> MethodResult:
        return MethodResult(*make(base, subject, clips, seed, budget, **options))

    return method


METHODS: dict[str, Method] = {
    "no-word": Method("no word", use_no_word),
    "real-word": Method("the real word", use_real_word),
    "mean-latent": Method("mean latent", _baseline(baselines.mean_latent)),
    "latent-offset": Method("latent offset", _baseline(baselines.latent_offset)),
    "recipe": Method("recipe (balanced)", learn_word, searches=True),
    "recipe-fast": Method("recipe (fast)", partial(learn_word, quality="fast"), searches=True),
    "recipe-best": Method("recipe (best)", partial(learn_word, quality="best"), searches=True),
    "recipe-no-adapter": Method("recipe, no adapter", partial(learn_word, rank=0), searches=True),
    "recipe-no-carry": Method("recipe, exemplars alone", partial(learn_word, direction=False), searches=True),
    **{
        f"objective-{name}": Method(
            f"objective: {name}",
            partial(learn_word, objective=name, rank=0, direction=False),
            searches=True,
            both_paths=True,
        )
        for name in get_args(Objective)  # textual inversion alone, as LEAD does it: no adapter, no direction
    },
    **{
        f"lora-{rank}{'-prior' if prior else ''}": Method(
            f"LoRA, rank {rank}{', prior preserved' if prior else ''}",
            _baseline(baselines.lora, rank=rank, prior=prior),
            budgeted=True,
        )
        for rank in (4, 5)
        for prior in (False, True)
    },
}
