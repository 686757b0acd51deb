"""Rejection sampling: what a base does right is what it learns from, so that it does it more often.

A base may do what a caption says in some of its motions only. `draw_samples` has it make motions for wordings of what
training clips show, and keeps the latents of those whose joints show it, by the measures of composition
(`lead.data.compose.truth`). What the base does in some of its motions is tried most.
Source: RAFT (Dong et al., arXiv 2304.06767), with a measure in place of its reward model. Knows nothing of training.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from lead.data.compose.compose import name_meaning, word
from lead.data.compose.truth import holds
from lead.data.dataset import UNIT
from lead.data.layout import COMPOSED, read_meanings, read_split, read_whole_captions
from lead.errors import LeadError
from lead.model import Lead
from lead.motion.skeleton import FPS, HUMANML3D, tpose
from lead.text.parsing import parse
from lead.text.synthesis import Meaning

Progress = Callable[[int, int], None]
"""Called with the number of attempts done and of all."""
ROUND = 512
"""Attempts whose draws follow from the same shares."""
BATCH = 64
WORDINGS = 4
"""Captions of a sample, the one that it was made for included."""
GUIDANCE = (1.5, 3.0)
"""The guidance of a round's motions is drawn from here."""
FEWEST = 2
"""Clips of a topic that is tried."""


@dataclass(frozen=True, eq=False)
class Samples:
    """Latents of motions that show what their captions say."""

    z: Float[Tensor, "samples latents d_latent"]
    """As they leave the sampler, before the projector; 0 after each motion's end."""
    lengths: Int[Tensor, " samples"]
    """Frames."""
    captions: tuple[tuple[str, ...], ...]
    topics: tuple[str, ...]


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
        """How much there is to learn from a further attempt: the most where the base shows it half of the time."""
        share = (self.shown + 1) / (self.tried + 2)
        return float(len(self.frames) ** 0.5 * (0.05 + share * (1 - share)))


@dataclass(frozen=True, eq=False)
class _Attempt:
    topic: str
    meaning: Meaning
    captions: tuple[str, ...]
    frames: int


def draw_samples(base: Lead, data: Path, attempts: int, seed: int = 0, progress: Progress | None = None) -> Samples:
    """The samples that count among so many motions for wordings of what a composed data set's clips show.

    The same base and seed give the same samples. Raises LeadError where the data set was not composed, where the base
    is not of HumanML3D's skeleton, or where nothing counts.
    """
    if base.skeleton is not HUMANML3D:
        raise LeadError(f"{base.name} does not make HumanML3D's 22 joints: only those are measured")
    topics = read_topics(Path(data))
    latents = int(base.vae.latent_lengths(torch.tensor([round(base.seconds_range[1] * FPS)]))[0])
    kept: list[tuple[Float[Tensor, "latents d_latent"], _Attempt]] = []
    for first in range(0, attempts, ROUND):
        rng = np.random.default_rng([seed, first])
        drawn = list(_draw_attempts(topics, min(ROUND, attempts - first), rng, base.seconds_range))
        drawn.sort(key=lambda attempt: attempt.frames)  # a batch holds little padding
        for z, attempt in _show(base, drawn, rng):
            topics[attempt.topic].shown += 1
            padded = z.new_zeros(latents, z.shape[1])
            padded[: len(z)] = z
            kept.append((padded, attempt))
        for attempt in drawn:
            topics[attempt.topic].tried += 1
        if progress:
            progress(first + len(drawn), attempts)
    if not kept:
        raise LeadError(f"none of {attempts} motions shows what its caption says: train {base.name} further first")
    rows, shown = zip(*kept, strict=True)
    return Samples(
        torch.stack(rows),
        torch.tensor([attempt.frames for attempt in shown]),
        tuple(attempt.captions for attempt in shown),
        tuple(attempt.topic for attempt in shown),
    )


@torch.no_grad()
def _show(
    base: Lead, attempts: list[_Attempt], rng: np.random.Generator
) -> Iterator[tuple[Float[Tensor, "latents d_latent"], _Attempt]]:
    """The attempts that show what they should, each with its latents."""
    guidance, seeds = float(rng.uniform(*GUIDANCE)), rng.integers(2**31, size=len(attempts)).tolist()
    for start in range(0, len(attempts), BATCH):
        part = attempts[start : start + BATCH]
        lengths = torch.tensor([attempt.frames for attempt in part])
        text = base.encode_text([attempt.captions[0] for attempt in part])
        noise = base.noise(lengths, seeds, start)
        z = base.sample(text, lengths.to(base.device), noise, guidance=guidance)
        motions = base.decode(base.projector.realign(z, lengths.to(base.device)), lengths, clean_feet=True)
        counts = base.vae.latent_lengths(lengths).tolist()
        for row, count, motion, attempt in zip(z.cpu(), counts, motions, part, strict=True):
            if holds(attempt.meaning, motion.joints.astype(np.float64)):
                yield row[:count], attempt


def read_topics(data: Path) -> dict[str, Topic]:
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
            found[said] = next((meaning for meaning in read if meaning and name_meaning(meaning) == said), None)
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
) -> Iterator[_Attempt]:
    """Half of them as long as some clip, half of any length, short ones as often as long."""
    names = list(topics)
    weights = np.array([topics[name].weight for name in names])
    least, most = max(seconds[0], 2.0), seconds[1]
    for name in rng.choice(names, count, p=weights / weights.sum()):
        topic = topics[str(name)]
        meaning = topic.meanings[int(rng.integers(len(topic.meanings)))]
        any_length = float(np.exp(rng.uniform(np.log(least), np.log(most))))
        length = float(rng.choice(topic.frames)) / FPS if rng.random() < 0.5 else any_length
        frames = int(np.clip(length, least, most) * FPS) // UNIT * UNIT
        yield _Attempt(str(name), meaning, tuple(word(meaning, WORDINGS, str(rng.integers(2**31)))), frames)
