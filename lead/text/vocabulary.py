"""What a base can do, as its file says it: kinds of motion, and whether a prompt is among them.

Evidence that a prompt is outside: a main word (`lead.text.main_words`), or a verb with its object, that the base's
training captions do not have, and a text feature that is nearer to actions which the base was not trained on than to
those which it was. A logistic regression weighs it; `benchmarks.prompts.vocabulary` fits the weights. Features are unit
vectors in the base's own text space, from which the mean over its kinds is taken. Learned tokens say nothing: a concept
brings its own motion.

`lead.eval.vocabulary` makes the record from a data set. Knows nothing of models, lexicon and data sets, so that
reading a base loads none of them.
"""

import base64
import json
import math
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float

from lead.errors import LeadError
from lead.text.main_words import ANYTHING, MainWord, leave_out_tokens, main_words

FORMAT = "lead-vocabulary/1"
LARGEST = 4_000_000
"""Characters that a base's vocabulary may have."""
NEAREST = 3
"""Kinds that a notice offers."""
SHOWN = 0.5
"""A kind that the suite finds in fewer of its motions is not offered instead of another prompt."""
BIAS = -1.7
WEIGHTS = {"verb": 3.0, "object": 2.4, "tool": 2.5, "pair": 0.6, "open": 1.1, "margin": 3.2, "distance": 1.3}
"""Of the evidence, in the logistic regression: foreign words by role, a verb with a word that it is not known with, and
a foreign word after a verb that takes any ("picks up a coin"); then what is measured of the text feature."""
ROLES = ("verb", "object", "tool", "pair", "open")
NEAR = -0.3
"""A smaller margin counts as this one: a prompt that is near to a kind by half of it can have another half."""
THRESHOLD = 0.5
"""A prompt with a larger score is outside."""


@dataclass(frozen=True)
class Kind:
    """A kind of motion that the base was trained on."""

    name: str
    family: str
    """The heading under which it is listed."""
    examples: tuple[str, ...]
    """Prompts, the plain one first."""
    clips: int = 0
    """Training clips that show it, alone or beside something else."""
    shown: float | None = None
    """The share of its prompts' motions in which the suite found it; None where it was not measured."""


@dataclass(frozen=True)
class Notice:
    """A prompt that is outside."""

    prompt: str
    score: float
    """In [0, 1]; how sure."""
    word: str
    """The main word that the base does not know; empty where it knows all words, but not what they say together."""
    nearest: tuple[Kind, ...]
    """Kinds that the base can do, the nearest first."""

    @property
    def message(self) -> str:
        """A sentence for the user."""
        what = f"does not know {self.word!r}" if self.word else "was not trained on anything like it"
        near = ", ".join(repr(kind.examples[0]) for kind in self.nearest)
        return f"{self.prompt!r}: the base {what}" + (f"; nearest: {near}" if near else "")


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """What a base was trained on."""

    kinds: tuple[Kind, ...]
    terms: frozenset[str]
    """Stems of the main words in training captions, and pairs of a verb with its object (`list_terms`)."""
    known: Float[np.ndarray, "kinds d_text"]
    """The mean feature of each kind's prompts, of unit length."""
    unknown: Float[np.ndarray, "others d_text"]
    """The same of actions that the base was not trained on."""
    center: Float[np.ndarray, " d_text"] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "center", self.known.mean(axis=0) if len(self.known) else np.zeros(self.d_text))

    @property
    def d_text(self) -> int:
        return int(self.known.shape[1])

    def find_foreign(self, prompt: str) -> list[MainWord]:
        """The main words of a prompt that training captions do not have, in order."""
        return [word for word in main_words(prompt) if word.stem not in self.terms and word.stem != ANYTHING]

    def weigh(self, prompt: str, feature: Float[np.ndarray, " d_text"]) -> dict[str, float]:
        """The evidence that a prompt is outside, by the names of WEIGHTS."""
        words, verb = main_words(prompt), ""
        foreign = dict.fromkeys(ROLES, 0.0)
        for word in words:
            verb = word.stem if word.role == "verb" else verb
            if word.stem not in self.terms and word.stem != ANYTHING:
                is_open = word.role == "object" and f"{verb} {ANYTHING}" in self.terms
                foreign["open" if is_open else word.role] = 1.0
            elif word.role != "verb" and not {f"{verb} {word.stem}", f"{verb} {ANYTHING}"} & self.terms:
                foreign["pair"] = 1.0
        near, other = (self._similarity(rows, feature).max(initial=-1.0) for rows in (self.known, self.unknown))
        measured = {"margin": max(float(other - near), NEAR), "distance": float(1.0 - near)}
        return {**foreign, **measured}

    def score(self, prompt: str, feature: Float[np.ndarray, " d_text"]) -> float:
        """How sure it is that a prompt is outside, in [0, 1]; 0 where nothing but learned tokens says what is done."""
        if leave_out_tokens(prompt) != prompt and not main_words(prompt):
            return 0.0
        evidence = self.weigh(prompt, feature)
        return 1.0 / (1.0 + math.exp(-BIAS - sum(WEIGHTS[name] * value for name, value in evidence.items())))

    def judge(self, prompt: str, feature: Float[np.ndarray, " d_text"]) -> Notice | None:
        """A notice where the prompt is outside; `feature` is that of its text without learned tokens."""
        unread = find_unread(prompt)
        score = 1.0 if unread else self.score(prompt, feature)
        if score <= THRESHOLD:
            return None
        foreign = self.find_foreign(prompt)
        order = np.argsort(-self._similarity(self.known, feature), kind="stable")
        offered = [kind for kind in (self.kinds[row] for row in order) if kind.shown is None or kind.shown >= SHOWN]
        word = unread or (foreign[0].text if foreign else "")
        return Notice(prompt, round(score, 3), word, tuple(offered[:NEAREST]))

    def find_kinds(self, text: str) -> tuple[Kind, ...]:
        """The kinds whose name, family or prompts have the text in them."""
        text = text.lower()
        return tuple(k for k in self.kinds if any(text in each for each in (k.name, k.family, *k.examples)))

    def _similarity(
        self, rows: Float[np.ndarray, "rows d_text"], feature: Float[np.ndarray, " d_text"]
    ) -> Float[np.ndarray, " rows"]:
        """Cosines, after the mean over kinds is taken from both."""
        direction = _to_unit(_to_unit(feature) - self.center)
        cosines: Float[np.ndarray, " rows"] = _to_unit(rows - self.center) @ direction
        return cosines

    def to_json(self) -> str:
        """The inverse of `from_json`, up to the rounding of features to 8 bits."""
        kinds = [asdict(kind) for kind in self.kinds]
        content = {"format": FORMAT, "kinds": kinds, "terms": sorted(self.terms), "d_text": self.d_text}
        return json.dumps({**content, "known": _to_text(self.known), "unknown": _to_text(self.unknown)})

    @classmethod
    def from_json(cls, text: str, what: str, d_text: int) -> "Vocabulary":
        """The vocabulary in a base's metadata; LeadError starting with `what` where it is none of d_text numbers."""
        try:
            content = json.loads(text if len(text) <= LARGEST else "")
            if content["format"] != FORMAT or content["d_text"] != d_text:
                raise ValueError(f"expected {FORMAT!r} with {d_text} numbers a feature")
            known, unknown = (_from_text(content[name], d_text) for name in ("known", "unknown"))
            kinds = tuple(map(_to_kind, content["kinds"]))
            if len(kinds) != len(known):
                raise ValueError(f"{len(kinds)} kinds, {len(known)} features")
            return cls(kinds, frozenset(map(str, content["terms"])), known, unknown)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise LeadError(
                f"{what}: its vocabulary cannot be read ({str(error)[:100]}); make it again with `lead vocabulary`"
            ) from None


def find_unread(prompt: str) -> str:
    """The first word in other than Latin letters, which no base has read, or all of a prompt without letters."""
    words = leave_out_tokens(prompt).split()
    foreign = [word for word in words if any("LATIN" not in unicodedata.name(one, "") for one in word if one.isalpha())]
    if foreign or any(one.isalpha() for one in prompt):  # those of a learned token are enough
        return next(iter(foreign), "")
    return prompt.strip()


def _to_kind(row: Mapping[str, Any]) -> Kind:
    shown = row["shown"]
    examples = tuple(map(str, row["examples"]))
    if not examples or not (shown is None or 0.0 <= float(shown) <= 1.0):
        raise ValueError(f"{row['name']!r:.40} has no example, or a share that is none")
    name, family = str(row["name"]), str(row["family"])
    return Kind(name, family, examples, int(row["clips"]), None if shown is None else float(shown))


def _to_unit(rows: Float[np.ndarray, "*rows d_text"]) -> Float[np.ndarray, "*rows d_text"]:
    unit: Float[np.ndarray, "*rows d_text"] = rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-9)
    return unit


def _to_text(rows: Float[np.ndarray, "rows d_text"]) -> str:
    """Unit vectors as 8-bit numbers, 127 for the largest of each row; their length comes back by itself."""
    largest = np.maximum(np.abs(rows).max(axis=1, initial=0.0, keepdims=True), 1e-9)
    return base64.b64encode((rows / largest * 127).round().astype(np.int8).tobytes()).decode()


def _from_text(text: str, d_text: int) -> Float[np.ndarray, "rows d_text"]:
    rows = np.frombuffer(base64.b64decode(text, validate=True), dtype=np.int8).reshape(-1, d_text)
    return _to_unit(rows.astype(np.float32))


def merge_notices(notices: Sequence[Notice | None]) -> list[Notice]:
    """Those that there are, each prompt once, in order."""
    return list({notice.prompt: notice for notice in notices if notice}.values())
