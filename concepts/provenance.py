"""Where a concept comes from: its recordings, its author, and the terms of use.

A concept is made of two things with terms of their own, the base model and the recordings. Both stand in its license
text; nothing here judges which of them is the stricter. Knows no license's text, only how licenses are named.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import no_type_check

import numpy as np
from jaxtyping import Shaped

from concepts.errors import ConceptError
from concepts.text import as_count, as_fps, as_mapping, as_text, is_path, quote

_NONCOMMERCIAL = re.compile(r"\bNC\b|non-?\s?commercial|research[- ]only|only for research", re.IGNORECASE)
_PART = re.compile(r"(.*) \((?:base model .*|recordings)\)")


@no_type_check  # at run time: the constructor checks values of any type itself, and raises ConceptError
@dataclass(frozen=True)
class Exemplar:
    """A recording that a concept was learned from: enough to recognize it, never where it lies."""

    sha256: str
    """Of the joint positions [frames, joints, 3], meters, as little-endian float32 in C order."""
    frames: int
    fps: float
    source: str = ""
    """The data set or the performer, as a name or a web address; a path is refused."""
    license: str = ""

    def __post_init__(self) -> None:
        put = object.__setattr__
        _as_digest(self.sha256)
        put(self, "frames", as_count(self.frames, "an exemplar's frames", least=1))
        put(self, "fps", as_fps(self.fps, "an exemplar's fps"))
        put(self, "source", as_text(self.source, "an exemplar's source", 200))
        put(self, "license", as_text(self.license, "an exemplar's license", 200))
        if is_path(self.source):
            raise ConceptError(
                f"an exemplar's source is {quote(self.source)}, which looks like a path on a disk: "
                "give the data set's name or web address instead"
            )

    @classmethod
    def from_joints(
        cls, joints: Shaped[np.ndarray, "frames joints 3"], fps: float, source: str = "", license: str = ""
    ) -> "Exemplar":
        """The exemplar of a clip's joint positions in meters."""
        digest = hashlib.sha256(np.ascontiguousarray(joints, "<f4").tobytes()).hexdigest()
        return cls(digest, len(joints), fps, source, license)

    @classmethod
    def from_record(cls, record: object) -> "Exemplar":
        """The exemplar in a concept file's JSON; entries of newer versions are ignored."""
        entries = as_mapping(record, "an exemplar")
        missing = {"sha256", "frames", "fps"} - set(entries)
        if missing:
            raise ConceptError(f"an exemplar lacks {', '.join(sorted(missing))}")
        return cls(
            _as_digest(entries["sha256"]),
            as_count(entries["frames"], "an exemplar's frames", least=1),
            as_fps(entries["fps"], "an exemplar's fps"),
            as_text(entries.get("source", ""), "an exemplar's source", 200),
            as_text(entries.get("license", ""), "an exemplar's license", 200),
        )


@no_type_check  # at run time: the constructor checks values of any type itself, and raises ConceptError
@dataclass(frozen=True)
class Credits:
    """What only people know of a concept; checked and cleaned on construction."""

    license: str = ""
    """Of the recordings."""
    source: str = ""
    """Of the recordings: a data set or a performer, as a name or a web address; a path is refused."""
    author: str = ""
    description: str = ""

    def __post_init__(self) -> None:
        limits = {"license": 200, "source": 200, "author": 200, "description": 20_000}
        for name, limit in limits.items():
            text = as_text(getattr(self, name), name, limit, lines=name == "description")
            object.__setattr__(self, name, text)
        if is_path(self.source):
            raise ConceptError(
                f"the source {quote(self.source)} looks like a path on a disk: "
                "give the data set's name or web address instead"
            )


def is_noncommercial(license: str) -> bool:
    """Whether a license text says that commercial use is not allowed."""
    return _NONCOMMERCIAL.search(license) is not None


def combine_licenses(base_license: str, base: str, recordings: str) -> str:
    """The license text of a concept: the base model's terms and the recordings'; one text where they are the same."""
    if not recordings or recordings == base_license:
        return base_license
    parts = [f"{base_license} (base model {base})"] if base_license else []
    return "; ".join([*parts, f"{recordings} (recordings)"])


def split_licenses(license: str) -> list[str]:
    """The licenses in a combined text, each once. The inverse of `combine_licenses` as far as names go."""
    parts = [match[1] if (match := _PART.fullmatch(part)) else part for part in license.split("; ")]
    return list(dict.fromkeys(part for part in parts if part))


def _as_digest(value: object) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"[0-9a-f]{64}", value):
        raise ConceptError(f"an exemplar's sha256 is {quote(value)}, expected 64 small hex digits")
    return value
