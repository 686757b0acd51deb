"""What the tab Blend asks for: a motion between two words, or between a word and its opposite; and the new word.

Runs in the worker's thread, with what the commands `blend` and `negate` use. Knows no pages.
"""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from cli.errors import UsageError
from cli.jobs.derive_concept import add_preview, generate_one, to_template
from cli.load_models import check_seconds, to_token
from cli.studio.worker import Job
from cli.studio.workshop import Workshop
from concepts import Concept, blend, negate
from concepts.blending import blend_token, negate_token

if TYPE_CHECKING:
    from lead import Motion

OPPOSITE = "its opposite"
"""Stands for the second word."""


@dataclass(frozen=True)
class Mix:
    """A motion on the way from one word to another."""

    first: str
    second: str
    """A token, or OPPOSITE."""
    weight: float = 0.5
    """0 is the first word, 1 is the second. With the opposite 0.5 is neither."""
    prompt: str = ""
    """With {} for the word; the first word's own where it is empty."""
    seconds: float = 4.0
    seed: int = 0

    @property
    def title(self) -> str:
        """What is written over its motion."""
        if self.second == OPPOSITE:
            strength = 1 - 2 * self.weight
            return f"{abs(strength):.0%} {self.first if strength >= 0 else f'the opposite of {self.first}'}"
        return f"{1 - self.weight:.0%} {self.first}, {self.weight:.0%} {self.second}"

    @property
    def tokens(self) -> tuple[str, ...]:
        """The words in it, whose licenses hold for its motions."""
        return (self.first,) if self.second == OPPOSITE else (self.first, self.second)


@dataclass(frozen=True, eq=False)
class Mixed:
    """The motion of a mix."""

    mix: Mix
    motion: "Motion"
    prompt: str
    """As the base read it, with the words for the blend's."""


def generate_mix(workshop: Workshop, mix: Mix, job: Job) -> Mixed:
    """The motion of a mix, from the noise of its seed.

    Raises what `blend` raises for words that cannot be blended, and for prompts and lengths that cannot be used.
    """
    base = workshop.base
    check_seconds(base, mix.seconds, "length")
    first = workshop.concepts.find(mix.first, base)
    template = to_template(mix.prompt.strip() or None, first, "the prompt")
    if mix.second == OPPOSITE:
        strength = 1 - 2 * mix.weight
        concept = first if strength >= 0 else negate(first)
        template = template.replace("{}", f"({{}}:{abs(strength):.2f})")
    else:
        concept = _blend(workshop, first, mix)
    job.check()
    motion = generate_one(base, concept, template, mix.seconds, mix.seed)
    return Mixed(mix, motion, template.replace("{}", concept.token))


def generate_ends(workshop: Workshop, mix: Mix, job: Job) -> tuple[Mixed, Mixed]:
    """The motions of both ends of the way, from the same noise."""
    first = generate_mix(workshop, replace(mix, weight=0.0), job)
    return first, generate_mix(workshop, replace(mix, weight=1.0), job)


def name_word(workshop: Workshop, mix: Mix) -> str:
    """The token that the commands give such a word."""
    first = workshop.concepts.find(mix.first, workshop.base)
    if mix.second == OPPOSITE:
        return negate_token(first)
    return blend_token(first, workshop.concepts.find(mix.second, workshop.base))


def save_word(workshop: Workshop, mix: Mix, name: str, job: Job) -> Concept:
    """The blend, or the opposite, in the library as a new word, with a preview.

    The default name is the commands'. ConceptError where the library has it already.
    """
    base = workshop.base
    if not mix.first or not mix.second:
        raise UsageError("choose two words first.")
    first = workshop.concepts.find(mix.first, base)
    token = to_token(name.strip() or name_word(workshop, mix))
    workshop.library.refuse_taken(token)
    concept = negate(first, token) if mix.second == OPPOSITE else _blend(workshop, first, mix, token)
    job.check()
    concept = add_preview(base, concept, mix.seed)
    workshop.library.add(concept)
    return concept


def _blend(workshop: Workshop, first: Concept, mix: Mix, token: str | None = None) -> Concept:
    return blend(first, workshop.concepts.find(mix.second, workshop.base), mix.weight, token)
