"""Composition: a data set's training clips become new ones under new captions, deterministic by seed.

`compose_data` adds the split `train_composed`, captions of our own wording to training clips (`extra_texts/`), and
`meanings.json`: what each training clip shows, so that training can draw by action. What splits for judging hold back
(a way of doing an action that the captions of train and val do not have) is not made. Knows nothing of models.
"""

import json
import multiprocessing
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from lead.data.compose.kitchen import FPS, LONGEST, Kitchen
from lead.data.compose.poses import find_poses
from lead.data.compose.recipes import RECIPES, Recipe
from lead.data.compose.sources import Source, Sources, mirror_meaning, read_meaning
from lead.data.compose.truth import holds
from lead.data.layout import (
    COMPOSED,
    MEANINGS_FILE,
    MIN_CLIP_FRAMES,
    MIRRORED,
    VARIED,
    read_captions,
    read_rules,
    read_split,
    remove_split,
    write_captions,
    write_description,
    write_split,
)
from lead.data.pack import Packed, load_packed
from lead.errors import LeadError
from lead.motion.features import features_to_joints, joints_to_features
from lead.motion.processing.edit import mirror_joints
from lead.motion.processing.foot_lock import lock_feet
from lead.motion.skeleton import HUMANML3D
from lead.text.lexicon import LEXICON
from lead.text.meaning import Meaning
from lead.text.parsing import parse
from lead.text.synthesis import say

Progress = Callable[[int, int], None]
"""Called with the number of attempts done and of all."""
Held = frozenset[tuple[str, str, str]]
"""Action, place and way that only splits for judging show together."""
WORDINGS = 8
"""Captions of a composed clip, and those added to a training clip."""

WITHOUT_SIDE = {
    "drink-hand": "drink",
    "throw-hand": "throw",
    "sword-hand": "sword",
    "phone-hand": "phone",
    "face": "hand-face",
}
"""Actions of one side, and what they are called where the side is not told."""


@dataclass(frozen=True, eq=False)
class Composed:
    """A composed clip that counts: its motion is not known to show something else than its meaning."""

    features: Float[np.ndarray, "_ feats"]
    meaning: Meaning
    recipe: str


def compose_data(
    data: Path, attempts: int = 24000, seed: int = 0, processes: int = 2, progress: Progress | None = None
) -> Mapping[str, int]:
    """Tries recipes so often and writes what no measure refutes; returns the number of clips by recipe.

    The same seed makes the same clips, whatever the number of processes. Raises LeadError where the data set has not
    HumanML3D's features, or no training clip with a caption that we understand.
    """
    data = Path(data)
    rules, found = read_rules(data), load_packed(data, "train")
    if rules.skeleton is not HUMANML3D:
        raise LeadError(f"{data} has no 22-joint motion: only HumanML3D's features are composed")
    sources = list(_read_sources(found))
    if not sources:
        raise LeadError(
            f"{data}: no training caption says an action that we know and its clip shows ('a person walks forward'); "
            "composition needs such clips"
        )
    write_description(data, rules)
    _reword(data, found, sources, seed)
    meanings = {source.clip: name_meaning(source.meaning) for source in sources if source.clip}
    remove_split(data, COMPOSED)
    held, names, counts = find_held(data), [], Counter[str]()
    for number, made in enumerate(_make_all(sources, held, attempts, seed, processes)):
        if progress and ((number + 1) % 50 == 0 or number + 1 == attempts):
            progress(number + 1, attempts)
        if made is None:
            continue
        name = f"C{number:06d}"
        np.save(data / "new_joint_vecs" / f"{name}.npy", made.features)
        write_captions(data / "texts" / f"{name}.txt", word(made.meaning, WORDINGS, f"{seed}/{name}"))
        names.append(name)
        counts[made.recipe] += 1
        meanings[name] = name_meaning(made.meaning)
    if names:  # an empty split could not be trained on
        write_split(data, COMPOSED, names)
    (data / MEANINGS_FILE).write_text(json.dumps(meanings, indent=0) + "\n")
    return dict(counts)


def name_meaning(meaning: Meaning) -> str:
    """A meaning as `meanings.json` has it: "walk forward + wave left, sit-down; slowly", the ways of all parts last."""
    both = f"{_name_act(meaning)} + {_name_act(meaning.meanwhile)}" if meaning.meanwhile else _name_act(meaning)
    acts = f"{both}, {_name_act(meaning.then)}" if meaning.then else both
    parts = [part for part in (meaning, meaning.meanwhile, meaning.then) if part]
    return "; ".join([acts, *sorted({way for part in parts for way in part.ways} - {"normally"})])


def _name_act(meaning: Meaning) -> str:
    return f"{meaning.action} {meaning.place}".strip()


def word(meaning: Meaning, count: int, seed: str) -> list[str]:
    """At most so many wordings of a meaning, each once."""
    rng = random.Random(seed)
    return list(dict.fromkeys(say(_leave_sides_out(meaning, rng), rng) for _ in range(count)))


def _leave_sides_out(meaning: Meaning, rng: random.Random) -> Meaning:
    """The same of all parts of a meaning."""
    first = _leave_side_out(meaning, rng)
    then, other = (part and _leave_sides_out(part, rng) for part in (meaning.then, meaning.meanwhile))
    both_sides = then is not None and then.action == first.action  # left, then right: that must be said
    return replace(meaning if both_sides else first, then=meaning.then if both_sides else then, meanwhile=other)


def _leave_side_out(meaning: Meaning, rng: random.Random) -> Meaning:
    """In three wordings of ten an action of one side does not say which: "a person kicks"."""
    may = meaning.action in LEXICON.unsided or meaning.action in WITHOUT_SIDE
    if meaning.place not in ("left", "right") or not may or rng.random() >= 0.3:
        return meaning
    return replace(meaning, action=WITHOUT_SIDE.get(meaning.action, meaning.action), place="")


def _read_sources(found: Packed) -> Iterator[Source]:
    parts = np.split(found.frames, np.cumsum(found.lengths)[:-1])
    for name, features, captions in zip(found.ids, parts, found.captions, strict=True):
        joints = features_to_joints(features).astype(np.float64)
        if len(joints) <= MIN_CLIP_FRAMES:
            continue
        if meaning := read_meaning(captions, joints):
            source = Source(name, joints, meaning)
            yield from (source, *source.list_alike())
        for part, pose in find_poses(joints):
            yield Source("", part, pose)


def _reword(data: Path, found: Packed, sources: Sequence[Source], seed: int) -> None:
    """Adds our own wordings of what training clips show, beside the captions that they have."""
    known = {name: set(captions) for name, captions in zip(found.ids, found.captions, strict=True)}
    (data / "extra_texts").mkdir(exist_ok=True)
    for source in sources:
        if not source.clip or "#" in source.clip:  # a part of a clip has no file of captions to itself
            continue
        path = data / "extra_texts" / f"{source.clip}.txt"
        lines = path.read_text(encoding="utf-8") if path.is_file() else ""
        texts = word(source.meaning, WORDINGS, f"{seed}/{source.clip}")
        write_captions(path, [text for text in texts if text not in known[source.clip]], before=lines)


def find_held(data: Path) -> Held:
    """What the captions of splits for judging say, and those of train and val do not."""
    seen: dict[bool, set[tuple[str, str, str]]] = {True: set(), False: set()}
    for path in sorted(data.glob("*.txt")):
        if path.stem in (VARIED, MIRRORED, COMPOSED):  # made of training clips, they show no other pairs
            continue
        trained = path.stem.startswith("train") or path.stem == "val"
        for name in read_split(path):
            for caption in read_captions(data / "texts" / f"{name}.txt")[0]:
                seen[trained].update(_pairs(parse(caption.text)))
    return frozenset(seen[False] - seen[True])


def _pairs(meaning: Meaning | None) -> Iterator[tuple[str, str, str]]:
    while meaning:
        for way in meaning.ways:
            yield meaning.action, meaning.place, way
        if meaning.meanwhile:
            yield from _pairs(meaning.meanwhile)
        meaning = meaning.then


_WORK: tuple[Sequence[Source], Held, int] | None = None
"""What the processes that make products share; set before they start, and None when they have ended."""


def _make_all(
    sources: Sequence[Source], held: Held, attempts: int, seed: int, processes: int
) -> Iterator[Composed | None]:
    """The products in order, whatever the number of processes."""
    global _WORK  # the processes inherit it
    _WORK = sources, held, seed
    try:
        if processes == 1 or "fork" not in multiprocessing.get_all_start_methods():
            yield from map(_make, range(attempts))
            return
        with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("fork")) as pool:
            yield from pool.map(_make, range(attempts), chunksize=100)
    finally:
        _WORK = None


def draw_recipe(seed: int, number: int) -> tuple[Recipe, np.random.Generator]:
    """The recipe of an attempt, and the numbers that it draws from."""
    rng = np.random.default_rng([seed, number])
    recipes, weights = list(RECIPES), np.array(list(RECIPES.values()))
    return recipes[int(rng.choice(len(recipes), p=weights / weights.sum()))], rng


def _make(number: int) -> Composed | None:
    """The product of an attempt; None where the recipe found nothing fit, or made what is held back or refuted."""
    assert _WORK is not None
    clips, held, seed = _WORK
    recipe, rng = draw_recipe(seed, number)
    made = recipe(Kitchen(Sources(clips, rng), rng))
    if made is None:
        return None
    joints, meaning = made
    if len(joints) < MIN_CLIP_FRAMES + 5:
        return None
    joints = lock_feet(joints[:LONGEST], FPS)
    if rng.random() < 0.5:
        joints, meaning = mirror_joints(joints), mirror_meaning(meaning)
    if not held.isdisjoint(_pairs(meaning)) or not np.isfinite(joints).all() or holds(meaning, joints) is False:
        return None
    return Composed(joints_to_features(joints), meaning, recipe.__name__)
