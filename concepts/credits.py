"""Who made a word, from whose recordings, and under which terms: stated once, carried into the concept's file.

A word is made of two things with terms of their own, the base model and the recordings. Both stand in its license text;
nothing here judges which of them is the stricter. Knows no license's text, only how licenses are named.
"""

import re
from dataclasses import dataclass, replace

from concepts.checks import as_text
from concepts.concept import Concept
from concepts.errors import ConceptError
from concepts.text import is_path, quoted

_NONCOMMERCIAL = re.compile(r"\bNC\b|non-?\s?commercial|research[- ]only|only for research", re.IGNORECASE)
_PART = re.compile(r"(.*) \((?:base model .*|recordings)\)")


def noncommercial(license: str) -> bool:
    """Whether a license text says that commercial use is not allowed."""
    return _NONCOMMERCIAL.search(license) is not None


def combined(base_license: str, base: str, recordings: str) -> str:
    """The license text of a word: the base model's terms and the recordings', once where they are the same."""
    if not recordings or recordings == base_license:
        return base_license
    parts = [f"{base_license} (base model {base})"] if base_license else []
    return "; ".join([*parts, f"{recordings} (recordings)"])


def license_names(license: str) -> list[str]:
    """The licenses in a combined text, each once. The inverse of `combined` as far as names go."""
    parts = [match[1] if (match := _PART.fullmatch(part)) else part for part in license.split("; ")]
    return list(dict.fromkeys(part for part in parts if part))


@dataclass(frozen=True)
class Credits:
    """What only people know of a word; checked and cleaned when it is made."""

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
                f"the source {quoted(self.source)} looks like a path on a disk: "
                "give the data set's name or web address instead"
            )

    def given_to(self, concept: Concept) -> Concept:
        """A concept as it was learned, whose license is its base model's, with these credits."""
        return replace(
            concept,
            license=combined(concept.license, concept.base, self.license),
            exemplars=tuple(replace(one, source=self.source, license=self.license) for one in concept.exemplars),
            author=self.author,
            description=self.description,
        )
