"""The trials of the benchmark of reports: concepts learned and tried as `learn` tries them, kept in a folder.

A concept's motions are one .npz file. Motions without a concept depend on the prompts alone and are shared. A file is
stale, and is made again, when the base or the code that learns and generates has changed.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from benchmarks.inversion.concepts import load_motion
from benchmarks.pack import REPOSITORY, Row, pack_rows
from benchmarks.reports.concepts import Lesson, Variant
from concepts import Concept
from inversion import learn
from inversion.encoded_clips import EncodedClips, encode_clips
from inversion.judgement.trials import Plan, Trials, combine, generate_plain, generate_with, plan_trials
from lead import Lead, Motion

TOKEN = "<concept>"
WEAK = 1 / 3
CODE = (
    "inversion/learning.py", "inversion/style_direction.py", "inversion/optimization", "inversion/judgement/trials.py",
    "lead/conditioning.py", "lead/generation.py", "lead/text/worded_style.py", "concepts/schedule.py",
    "concepts/tensors.py",
)  # fmt: skip
"""What the motions depend on, beside the base."""


@cache
def code_digest() -> str:
    """Digest of the files of CODE."""
    digest = hashlib.sha256()
    for name in CODE:
        place = REPOSITORY / name
        for path in sorted(place.glob("*.py")) if place.is_dir() else [place]:
            digest.update(path.read_bytes())
    return digest.hexdigest()


@cache
def _rows() -> dict[str, Row]:
    return {row["id"]: row for row in pack_rows()}


def load_clips(ids: Sequence[str]) -> list[Motion]:
    """Clips of the pack by their ids."""
    return [load_motion(_rows()[name]) for name in ids]


@dataclass(frozen=True, eq=False)
class Trial:
    """A concept's trials, and what it was learned from."""

    lesson: Lesson
    variant: Variant
    encoded: EncodedClips
    plan: Plan
    trials: Trials

    @property
    def name(self) -> str:
        return f"{self.lesson.name}.{self.variant}"


@dataclass(frozen=True)
class TrialFolder:
    """Where trials are kept."""

    base: Lead
    folder: Path

    @property
    def digest(self) -> str:
        """Of the base and of the code."""
        prints = repr(sorted(self.base.fingerprints.items()))
        return hashlib.sha256(f"{prints} {code_digest()}".encode()).hexdigest()

    def path(self, lesson: Lesson, variant: Variant) -> Path:
        return self.folder / f"{lesson.name}.{variant}.npz"

    def concept_path(self, lesson: Lesson) -> Path:
        return self.folder / f"{lesson.name}.safetensors"

    def encode(self, lesson: Lesson) -> EncodedClips:
        """The lesson's clips."""
        return encode_clips(self.base, load_clips(lesson.clips), lesson.captions)

    def is_done(self, lesson: Lesson) -> bool:
        """Whether all variants are there, of this base and this code."""
        paths = [self.path(lesson, variant) for variant in lesson.variants]
        return all(path.is_file() and _read_digest(path) == self.digest for path in paths)

    def make(self, lesson: Lesson, seed: int = 0) -> None:
        """Learns, generates and writes all variants of a lesson."""
        encoded = self.encode(lesson)
        learned = learn(
            self.base, encoded, TOKEN, kind=lesson.kind, quality=lesson.quality, steps=lesson.steps, seed=seed
        )
        plan = plan_trials(learned, encoded)
        plain = self._plain(plan, seed)
        self.folder.mkdir(parents=True, exist_ok=True)
        learned.save(self.concept_path(lesson))
        for variant in lesson.variants:
            motions = generate_with(self.base, change_concept(learned, variant), plan, seed)
            _write(self.path(lesson, variant), [*motions, *plain], self.digest)

    def _plain(self, plan: Plan, seed: int) -> list[Motion]:
        """The motions without a concept, generated once for each plan."""
        asked = repr((plan.own.plain, [prompt.plain for prompt in plan.unseen], plan.seconds, seed, self.digest))
        path = self.folder / "plain" / f"{hashlib.sha256(asked.encode()).hexdigest()[:16]}.npz"
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(path, generate_plain(self.base, plan, seed), self.digest)
        return _read(path)

    def read(self, lesson: Lesson) -> Iterator[Trial]:
        """The finished trials of a lesson."""
        encoded = self.encode(lesson)
        concept = Concept.load(self.concept_path(lesson))
        plan = plan_trials(concept, encoded)
        for variant in lesson.variants:
            motions = _read(self.path(lesson, variant))
            half = len(motions) // 2
            yield Trial(lesson, variant, encoded, plan, combine(plan, motions[:half], motions[half:]))


def change_concept(concept: Concept, variant: Variant) -> Concept:
    """The concept as learned, weakened, or its token embeddings alone."""
    if variant == "full":
        return concept
    share = WEAK if variant == "weak" else 0.0
    tensors = {}
    for name, tensor in concept.tensors.items():
        if name == "direction" or name.endswith("/up"):
            tensors[name] = (share * tensor).astype(tensor.dtype)
        else:
            tensors[name] = tensor
    return replace(concept, tensors=tensors)


def _write(path: Path, motions: Sequence[Motion], digest: str) -> None:
    partial = path.with_name(f".{path.name}.partial")
    with open(partial, "wb") as file:
        arrays = {f"motion.{place:03d}": motion.joints.astype(np.float32) for place, motion in enumerate(motions)}
        np.savez_compressed(file, digest=np.array(digest), **arrays)
    partial.replace(path)


def _read(path: Path) -> list[Motion]:
    with np.load(path) as arrays:
        return [Motion(arrays[name], 20.0) for name in sorted(arrays.files) if name.startswith("motion.")]


def _read_digest(path: Path) -> str:
    with np.load(path) as arrays:
        return str(arrays["digest"])
