"""Rejection sampling: what a base does right becomes its own training clips, so that it does it more often.

A base may do what a caption says in some of its motions only. `sample_clips` has it make motions for wordings of what
training clips show and keeps those whose joints show it, by the measures of composition (`lead.data.compose.truth`);
what the base does in some motions is tried most. They become the split `train_sampled`.
Source: RAFT (Dong et al., arXiv 2304.06767), with a measure in place of its reward model. Knows nothing of training.
"""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from lead.data.compose.compose import name_meaning, word
from lead.data.compose.truth import holds
from lead.data.layout import (
    COMPOSED,
    MEANINGS_FILE,
    SAMPLED,
    read_meanings,
    read_split,
    read_whole_captions,
    remove_split,
    write_captions,
    write_split,
)
from lead.errors import LeadError
from lead.model import Lead
from lead.motion.features import joints_to_features
from lead.motion.skeleton import FPS, HUMANML3D, tpose
from lead.text.parsing import parse
from lead.text.synthesis import Meaning

Progress = Callable[[int, int], None]
"""Called with the number of attempts done and of all."""
ROUND = 512
"""Attempts whose draws follow from the same shares."""
WORDINGS = 8
"""Captions of a clip."""
GUIDANCE = (1.5, 3.0)
"""The guidance of a round's motions is drawn from here."""
FEWEST = 2
"""Clips of a topic that is tried."""


@dataclass(eq=False)
class Topic:
    """Meanings that differ in sides and ways only, and how often the base has shown them."""

    meanings: list[Meaning] = field(default_factory=list)
    frames: list[int] = field(default_factory=list)
    """Lengths of clips that show them."""
    tried: int = 0
    shown: int = 0

    @property
    def weight(self) -> float:
        """How much is learnt from a further attempt: the most where the base does it half of the time."""
        share = (self.shown + 1) / (self.tried + 2)
        return float(len(self.frames) ** 0.5 * (0.05 + share * (1 - share)))


@dataclass(frozen=True, eq=False)
class Attempt:
    topic: str
    meaning: Meaning
    caption: str
    seconds: float


def sample_clips(
    base: Lead, data: Path, attempts: int = 20000, seed: int = 0, progress: Progress | None = None
) -> Mapping[str, tuple[int, int]]:
    """Writes the split `train_sampled` of a composed data set; returns by topic how many attempts of how many count.

    The same base and seed give the same clips. Raises LeadError where the data set was not composed, or where the base
    is not of HumanML3D's skeleton.
    """
    data = Path(data)
    if base.skeleton is not HUMANML3D:
        raise LeadError(f"{base.name} does not make HumanML3D's 22 joints: only those are measured")
    topics = _read_topics(data)
    remove_split(data, SAMPLED)
    meanings = {name: said for name, said in read_meanings(data).items() if not re.fullmatch(r"S\d{6}", name)}
    names = list[str]()
    for first in range(0, attempts, ROUND):
        rng = np.random.default_rng([seed, first])
        drawn = list(_draw_attempts(topics, min(ROUND, attempts - first), rng, base.seconds_range))
        motions = base.generate(
            [attempt.caption for attempt in drawn],
            seconds=[attempt.seconds for attempt in drawn],
            seed=[int(number) for number in rng.integers(2**31, size=len(drawn))],
            guidance=float(rng.uniform(*GUIDANCE)),
        )
        for number, (attempt, motion) in enumerate(zip(drawn, motions, strict=True), first):
            topic = topics[attempt.topic]
            topic.tried += 1
            joints = motion.joints.astype(np.float64)
            if not holds(attempt.meaning, joints):
                continue
            topic.shown += 1
            name = f"S{number:06d}"
            np.save(data / "new_joint_vecs" / f"{name}.npy", joints_to_features(joints))
            wordings = word(attempt.meaning, WORDINGS, f"{seed}/{name}")
            write_captions(data / "texts" / f"{name}.txt", dict.fromkeys([attempt.caption, *wordings]))
            meanings[name] = name_meaning(attempt.meaning)
            names.append(name)
        if progress:
            progress(first + len(drawn), attempts)
    if names:
        write_split(data, SAMPLED, names)
    (data / MEANINGS_FILE).write_text(json.dumps(meanings, indent=0) + "\n")
    return {name: (topic.shown, topic.tried) for name, topic in topics.items() if topic.tried}


def _read_topics(data: Path) -> dict[str, Topic]:
    """What training clips show and a measure can confirm; a clip's meaning is what one of its captions says."""
    told = read_meanings(data)
    composed = data / f"{COMPOSED}.txt"
    if not told or not composed.is_file():
        raise LeadError(f"{data} has no composed clips: run `lead data compose {data}` first")
    found: dict[str, Meaning | None] = {}
    topics: dict[str, Topic] = defaultdict(Topic)
    for name in (*read_split(data / "train.txt"), *read_split(composed)):
        said = told.get(name)
        if said is None:
            continue
        if said not in found:
            read = map(parse, read_whole_captions(data, name))
            fits = (meaning for meaning in read if meaning and name_meaning(meaning) == said)
            found[said] = next(fits, None)
        if meaning := found[said]:
            topic = topics[re.sub(r" (left|right|both)\b", "", said.split(";")[0])]
            topic.meanings.append(meaning)
            topic.frames.append(len(np.load(data / "new_joint_vecs" / f"{name}.npy", mmap_mode="r")))
    common = {name: topic for name, topic in sorted(topics.items()) if len(topic.frames) >= FEWEST}
    return {name: topic for name, topic in common.items() if _has_measure(topic)}


def _has_measure(topic: Topic) -> bool:
    """Whether a measure can tell, of a body that stands still, if it shows the meaning."""
    return holds(topic.meanings[0], np.repeat(tpose()[None].astype(np.float64), 80, axis=0)) is not None


def _draw_attempts(
    topics: Mapping[str, Topic], count: int, rng: np.random.Generator, seconds: tuple[float, float]
) -> Iterator[Attempt]:
    """Half of them as long as some clip, half of any length, short ones as often as long."""
    names = list(topics)
    weights = np.array([topics[name].weight for name in names])
    least, most = max(seconds[0], 2.0), seconds[1]
    for name in rng.choice(names, count, p=weights / weights.sum()):
        topic = topics[str(name)]
        meaning = topic.meanings[int(rng.integers(len(topic.meanings)))]
        any_length = float(np.exp(rng.uniform(np.log(least), np.log(most))))
        length = float(rng.choice(topic.frames)) / FPS if rng.random() < 0.5 else any_length
        caption = word(meaning, 1, str(rng.integers(2**31)))[0]
        yield Attempt(str(name), meaning, caption, float(np.clip(length, least, most)))
