"""A recording that a word was learned from: what a concept file says about it."""

import hashlib
import re
from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from jaxtyping import Float

from concepts.checks import as_count, as_fps, as_mapping, as_text
from concepts.errors import ConceptError
from concepts.text import is_path, quoted


@dataclass(frozen=True)
class Exemplar:
    """One recording that the word was learned from: enough to recognize it, never where it lies."""

    sha256: str
    """Of the joint positions [frames, joints, 3], meters, as little-endian float32 in C order."""
    frames: int
    fps: float
    source: str = ""
    """The data set or the performer, as a name or a web address; a path is refused."""
    license: str = ""

    def __post_init__(self) -> None:
        put = object.__setattr__
        if not isinstance(self.sha256, str) or not re.fullmatch(r"[0-9a-f]{64}", self.sha256):
            raise ConceptError(f"an exemplar's sha256 is {quoted(self.sha256)}, expected 64 small hex digits")
        put(self, "frames", as_count(self.frames, "an exemplar's frames", least=1))
        put(self, "fps", as_fps(self.fps, "an exemplar's fps"))
        put(self, "source", as_text(self.source, "an exemplar's source", 200))
        put(self, "license", as_text(self.license, "an exemplar's license", 200))
        if is_path(self.source):
            raise ConceptError(
                f"an exemplar's source is {quoted(self.source)}, which looks like a path on a disk: "
                "give the data set's name or web address instead"
            )

    @classmethod
    def from_joints(
        cls, joints: Float[np.ndarray, "frames joints 3"], fps: float, source: str = "", license: str = ""
    ) -> Self:
        """The exemplar of a clip's joint positions in meters."""
        digest = hashlib.sha256(np.ascontiguousarray(joints, "<f4").tobytes()).hexdigest()
        return cls(digest, len(joints), fps, source, license)

    @classmethod
    def from_record(cls, record: object) -> Self:
        """The exemplar in a concept file's JSON; entries of newer versions are ignored."""
        entries = as_mapping(record, "an exemplar")
        missing = {"sha256", "frames", "fps"} - set(entries)
        if missing:
            raise ConceptError(f"an exemplar lacks {', '.join(sorted(missing))}")
        return cls(**{f.name: entries[f.name] for f in fields(cls) if f.name in entries})
