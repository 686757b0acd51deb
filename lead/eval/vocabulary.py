"""What a base can do, found in the captions that it was trained on and in its figures on the suite of prompts.

Kinds are those of the suite (`lead/eval/prompts.toml`) whose actions training clips show, then the other actions of the
lexicon that they show. An action counts as shown where `meanings.json` has it, or where a caption of a clip says it.
Actions of the lexicon that no clip shows are what prompts outside are compared with.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float
from safetensors import safe_open
from safetensors.torch import save_file
from torch.nn.functional import normalize

from lead.checkpoint import atomic_write
from lead.data.layout import COMPOSED, VARIED, read_captions, read_meanings, read_split
from lead.errors import LeadError
from lead.eval.prompt_suite import Kind as SuiteKind
from lead.eval.prompt_suite import read_kinds
from lead.model import Lead
from lead.text.inflection import conjugate
from lead.text.lexicon import LEXICON
from lead.text.main_words import list_terms, main_words, stem
from lead.text.meaning import Meaning
from lead.text.parsing import parse
from lead.text.prompts import TOKEN
from lead.text.vocabulary import SHOWN, Kind, Vocabulary

MOST_CLIPS = 40_000
"""Training clips that are looked at, evenly spread."""
MOST_VARIED = 2000
"""Varied clips that are read for their styles."""
SAME = 3
"""Clips of one meaning in `meanings.json` whose captions are read."""
PROTOTYPES = 24
"""Training captions that a kind's feature is the mean of, beside its prompts."""
OTHERS = "other"
"""The family of actions that the suite does not have."""
WALKS = ("pace", "stride", "wander", "drift")
"""Actions of the lexicon that are walking in other words."""
_STYLE = re.compile(r"\b(?:in an?|like an?) (?:very )?([a-z-]+)")
_TABLES = (LEXICON.travel, LEXICON.sided, LEXICON.actions)


@dataclass
class Training:
    """What a data set's training clips show and say."""

    clips: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    """How many show an action of the lexicon."""
    captions: dict[Meaning, list[str]] = field(default_factory=lambda: defaultdict(list))
    """Captions by what they say, where that is one action with nothing beside it."""
    terms: set[str] = field(default_factory=set)
    """Stems of main words, and pairs of them."""

    def count(self, actions: Iterable[str]) -> None:
        for action in set(actions):
            self.clips[action] += 1

    def shows(self, meaning: Meaning) -> bool:
        return all(action in self.clips or action in WALKS for action in list_actions(meaning))


class NoCaptionsError(LeadError):
    """A data set without captions, of which no vocabulary can be made."""


def build_vocabulary(base: Lead, data: Path, suite: Path | None = None) -> Vocabulary:
    """The vocabulary of a base that was trained on a data set; `suite` is the JSON of `lead eval --prompts`."""
    training, shown = read_training(Path(data)), read_shown(suite) if suite else {}
    prompts: dict[Kind, list[str]] = {}
    others: dict[str, list[str]] = {}
    covered: set[str] = set()
    for one in read_kinds():
        share, meaning = shown.get(one.name), _find_meaning(one)
        if _is_known(one, meaning, share, training):
            actions = set(list_actions(meaning)) if meaning else set()
            covered |= actions
            clips = min((training.clips.get(action, 0) for action in actions), default=0)
            said = training.captions.get(meaning, []) if meaning else []
            prompts[Kind(one.name, one.family, one.prompts, clips, share)] = [*one.prompts, *said[:PROTOTYPES]]
        else:
            others[one.name] = list(one.prompts)
    for action in sorted(training.clips.keys() - covered):
        if examples := word_action(action):
            said = [c for meaning, texts in training.captions.items() if meaning.action == action for c in texts]
            kind = Kind(word_action(action, "base")[0], OTHERS, examples[:3], training.clips[action])
            prompts[kind] = [*examples[:6], *said[:PROTOTYPES]]
    known = training.clips.keys() | covered | set(WALKS)
    for action in sorted({key for table in _TABLES for key in table} - known):
        others[action] = list(word_action(action)[:12])
    spoken = (text for action in sorted(known) for text in word_action(action))
    terms = training.terms | read_terms(spoken) | read_terms(text for kind in prompts for text in kind.examples)
    terms |= {stem(word) for persons in LEXICON.personas.values() for text in persons for word in text.split()}
    features = _encode_means(base, [*prompts.values(), *filter(None, others.values())])
    return Vocabulary(tuple(prompts), frozenset(terms), features[: len(prompts)], features[len(prompts) :])


def extend_vocabulary(base: Lead, before: Vocabulary, data: Path) -> Vocabulary:
    """The vocabulary of a base that was trained further: captions with words of their own become kinds."""
    names = _list_clips(Path(data), ("train",))
    captions = {text for name in names for text in read_texts(Path(data), name) if not TOKEN.search(text)}
    new = sorted({text for text in captions if before.find_foreign(text)}, key=lambda text: (len(text), text))
    by_words: dict[frozenset[str], list[str]] = defaultdict(list)
    for text in new:
        by_words[frozenset(word.stem for word in before.find_foreign(text))].append(text)
    kinds = {Kind(texts[0], OTHERS, tuple(texts[:3]), len(texts)): texts[:PROTOTYPES] for texts in by_words.values()}
    known = np.concatenate([before.known, _encode_means(base, list(kinds.values()))])
    return Vocabulary((*before.kinds, *kinds), before.terms | read_terms(captions), known, before.unknown)


def read_training(data: Path) -> Training:
    """What the training clips of a data set show and say; LeadError where it has none."""
    training, meanings = Training(), read_meanings(data)
    told = defaultdict[str, int](int)
    for name in _spread(list(_list_clips(data, ("train", COMPOSED))), MOST_CLIPS):
        meaning = meanings.get(name, "")
        acts, _, ways = meaning.partition(";")
        told[meaning] += 1
        if meaning and told[meaning] > SAME:
            training.count(act.split()[0] for act in acts.split(" + "))
            continue
        texts = read_texts(data, name)
        training.terms.update(read_terms(texts))
        read = list(filter(None, map(parse, texts[:1] if meaning else texts)))
        said = {action for one in read for action in list_actions(one)}
        training.count({act.split()[0] for act in acts.split(" + ")} if meaning else said)
        if len(said) == 1 and not ways:
            training.captions[read[0]] += texts
        training.terms.update(_find_styles(texts))
    for name in _spread(list(_list_clips(data, (VARIED,))), MOST_VARIED):
        training.terms.update(_find_styles(read_texts(data, name)))
    if not training.terms:
        raise NoCaptionsError(f"{data}: no training clip has a caption; give the data set that the base was trained on")
    return training


def read_terms(texts: Iterable[str]) -> set[str]:
    """The terms of all texts."""
    return {term for text in texts for term in list_terms(main_words(text))}


def _spread(names: Sequence[str], most: int) -> Sequence[str]:
    """At most about so many, evenly."""
    return names[:: max(len(names) // most, 1)]


def _find_styles(texts: Iterable[str]) -> Iterator[str]:
    """Stems of what stands in "in an elderly way"."""
    return (stem(found) for text in texts for found in _STYLE.findall(text.lower()))


def _list_clips(data: Path, splits: Iterable[str]) -> Iterator[str]:
    for split in splits:
        listing = data / f"{split}.txt"
        yield from read_split(listing) if listing.is_file() else ()


def read_texts(data: Path, name: str) -> list[str]:
    """A clip's captions, each once."""
    paths = (data / folder / f"{name}.txt" for folder in ("texts", "extra_texts"))
    return list(dict.fromkeys(caption.text for path in paths for caption in read_captions(path)[0]))


def read_shown(suite: Path) -> dict[str, float]:
    """The share of motions that show it, by kind, in the JSON of `lead eval --prompts`."""
    try:
        kinds = json.loads(Path(suite).read_text(encoding="utf-8"))["kinds"]
        return {str(name): round(float(score["mean"]), 3) for name, score in kinds.items()}
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise LeadError(f"{suite}: expected what `lead eval --prompts --json` prints ({error!r:.80})") from None


def list_actions(meaning: Meaning) -> Iterator[str]:
    """All actions that a meaning has."""
    yield meaning.action
    for other in (meaning.meanwhile, meaning.then):
        if other:
            yield from list_actions(other)


def word_action(action: str, form: str = "third") -> tuple[str, ...]:
    """An action of the lexicon as plain sentences, in the order of its wordings; sides are the left.

    In another form than `third` nobody acts.
    """
    phrases = next((table[action] for table in _TABLES if action in table), ())
    texts = []
    for phrase in phrases:
        sided = phrase.replace("{side}", "the left").replace("{direction}", "left")
        text = re.sub(r"\{(\w+)\}", r"the left \1", sided)
        texts.append(("a person " if form == "third" else "") + conjugate("*" + text, form))
    return tuple(dict.fromkeys(texts))


def _find_meaning(kind: SuiteKind) -> Meaning | None:
    """What the first of its prompts says that can be read."""
    return next(filter(None, map(parse, kind.prompts)), None)


def _is_known(kind: SuiteKind, meaning: Meaning | None, share: float | None, training: Training) -> bool:
    """Whether training clips show it; where no prompt can be read, whether their captions have its words."""
    if share is not None and share >= SHOWN:
        return True
    if meaning:
        return training.shows(meaning)
    return all(word.stem in training.terms for word in main_words(kind.prompts[0]))


@torch.no_grad()
def _encode_means(base: Lead, groups: Sequence[Sequence[str]]) -> Float[np.ndarray, "groups d_text"]:
    """The mean of each group's unit features, of unit length."""
    texts = list(dict.fromkeys(text for group in groups for text in group))
    place = {text: row for row, text in enumerate(texts)}
    parts = [base.encode_text(texts[start : start + 256]) for start in range(0, len(texts), 256)]
    features = normalize(torch.cat(parts).float().cpu(), dim=-1) if parts else torch.zeros(0, base.config.text.d_text)
    means = [features[[place[text] for text in group]].mean(dim=0) for group in groups]
    rows = torch.stack(means) if means else features
    return normalize(rows, dim=-1).numpy()


def put_vocabulary(path: Path, vocabulary: Vocabulary) -> None:
    """Write a vocabulary into a base's file; its tensors stay as they are, bit by bit."""
    with safe_open(path, "pt") as file:
        metadata = {**(file.metadata() or {}), "vocabulary": vocabulary.to_json()}
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - no dict
    with atomic_write(path) as partial:
        save_file(tensors, partial, metadata=metadata)


def with_shown(vocabulary: Vocabulary, shown: Mapping[str, float]) -> Vocabulary:
    """The vocabulary with the suite's shares."""
    kinds = tuple(replace(kind, shown=shown.get(kind.name, kind.shown)) for kind in vocabulary.kinds)
    return replace(vocabulary, kinds=kinds)
