"""Trials: a base makes motions for captions, and measures of the joints say which of them are right.

A base may do what a caption says in some of its motions only. `draw_trials` has it make motions for wordings of what
training clips show, and judges each by the measures of composition (`lead.data.compose.truth`) and by how much its feet
slide. A trial's *advantage* says how much better it is than the others of its topic, from -1 to 1: a rare success has a
large one, a rare failure a very negative one. What the base does in some of its motions is tried most.
Source: group-relative advantages as in GRPO (Shao et al., arXiv 2402.03300, equation 4), with measures in place of a
reward model. Knows nothing of training.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from lead.data.compose.compose import name_meaning, word
from lead.data.compose.truth import holds
from lead.data.dataset import UNIT
from lead.data.layout import COMPOSED, read_meanings, read_split, read_whole_captions
from lead.errors import LeadError
from lead.eval.metrics import foot_skate_ratio
from lead.model import Lead
from lead.motion.skeleton import FPS, HUMANML3D, tpose
from lead.text.meaning import Meaning
from lead.text.parsing import parse

Progress = Callable[[int, int], None]
"""Called with the number of attempts done and of all."""
ROUND = 512
"""Attempts whose draws follow from the same shares."""
BATCH = 64
WORDINGS = 4
"""Captions of a trial, the one that it was made for included."""
GUIDANCE = (1.5, 3.0)
"""The guidance of a round's motions is drawn from here."""
FEWEST = 2
"""Clips of a topic that is tried."""
SPREAD = 0.5
"""An advantage of 1 or -1 is so far from the topic's share of successes: the largest deviation of a yes or no."""
SLIDE = 0.3
"""The advantage that is lost by sliding one deviation more than a topic's other trials."""


@dataclass(frozen=True, eq=False)
class Trials:
    """Latents of motions that were made for captions, and how good they are."""

    z: Float[Tensor, "trials latents d_latent"]
    """As they leave the sampler, before the projector; 0 after each motion's end."""
    lengths: Int[Tensor, " trials"]
    """Frames."""
    captions: tuple[tuple[str, ...], ...]
    topics: tuple[str, ...]
    shown: Bool[Tensor, " trials"]
    """Whether the motion shows what its captions say."""
    advantages: Float[Tensor, " trials"]
    """-1 to 1, relative to the trials of the same topic."""


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


@dataclass(frozen=True, eq=False)
class _Trial:
    attempt: _Attempt
    z: Float[Tensor, "latents d_latent"]
    shown: bool
    slide: float
    """The foot-skating ratio before the clean-up of feet."""


def draw_trials(base: Lead, data: Path, attempts: int, seed: int = 0, progress: Progress | None = None) -> Trials:
    """So many motions for wordings of what a composed data set's clips show, and how good they are.

    The same base and seed give the same trials. Raises LeadError where the data set was not composed, where the base
    is not of HumanML3D's skeleton, or where nothing is shown.
    """
    if base.skeleton is not HUMANML3D:
        raise LeadError(f"{base.name} does not make HumanML3D's 22 joints: only those are measured")
    topics = read_topics(Path(data))
    latents = int(base.vae.latent_lengths(torch.tensor([round(base.seconds_range[1] * FPS)]))[0])
    trials: list[_Trial] = []
    for first in range(0, attempts, ROUND):
        rng = np.random.default_rng([seed, first])
        drawn = list(_draw_attempts(topics, min(ROUND, attempts - first), rng, base.seconds_range))
        drawn.sort(key=lambda attempt: attempt.frames)  # a batch holds little padding
        for trial in _try(base, drawn, rng):
            topics[trial.attempt.topic].tried += 1
            topics[trial.attempt.topic].shown += trial.shown
            trials.append(trial)
        if progress:
            progress(first + len(drawn), attempts)
    if not any(trial.shown for trial in trials):
        raise LeadError(f"none of {attempts} motions shows what its caption says: train {base.name} further first")
    z = torch.zeros(len(trials), latents, trials[0].z.shape[1])
    for row, trial in zip(z, trials, strict=True):
        row[: len(trial.z)] = trial.z
    return Trials(
        z,
        torch.tensor([trial.attempt.frames for trial in trials]),
        tuple(trial.attempt.captions for trial in trials),
        tuple(trial.attempt.topic for trial in trials),
        torch.tensor([trial.shown for trial in trials]),
        torch.from_numpy(_compare(trials)).float(),
    )


def _compare(trials: Sequence[_Trial]) -> Float[np.ndarray, " trials"]:
    """Advantages: shown / SPREAD - SLIDE slide / its deviation, each less its topic's mean; within -1 and 1."""
    _, topics = np.unique([trial.attempt.topic for trial in trials], return_inverse=True)
    counts = np.bincount(topics)

    def center(values: Float[np.ndarray, " trials"]) -> Float[np.ndarray, " trials"]:
        centered: np.ndarray = values - (np.bincount(topics, values) / counts)[topics]
        return centered

    shown, slide = (center(np.array([getattr(trial, name) for trial in trials], float)) for name in ("shown", "slide"))
    return np.clip(shown / SPREAD - SLIDE * slide / max(float(slide.std()), 1e-6), -1.0, 1.0)


@torch.no_grad()
def _try(base: Lead, attempts: list[_Attempt], rng: np.random.Generator) -> Iterator[_Trial]:
    guidance, seeds = float(rng.uniform(*GUIDANCE)), rng.integers(2**31, size=len(attempts)).tolist()
    for start in range(0, len(attempts), BATCH):
        part = attempts[start : start + BATCH]
        lengths = torch.tensor([attempt.frames for attempt in part])
        text = base.encode_text([attempt.captions[0] for attempt in part])
        noise = base.noise(lengths, seeds, start)
        z = base.sample(text, lengths.to(base.device), noise, guidance=guidance)
        realigned = base.projector.realign(z, lengths.to(base.device))
        raw, cleaned = (base.decode(realigned, lengths, clean_feet=clean) for clean in (False, True))
        counts = base.vae.latent_lengths(lengths).tolist()
        for row, count, before, motion, attempt in zip(z.cpu(), counts, raw, cleaned, part, strict=True):
            shown = bool(holds(attempt.meaning, motion.joints.astype(np.float64)))
            yield _Trial(attempt, row[:count], shown, foot_skate_ratio(before.joints))


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
