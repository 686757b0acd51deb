"""Sentences that are written for the command line, in words of the studio."""

import re

from concepts.kinds import Kind

_OTHER_KIND = re.compile(r"did you mean --kind (style|action|persona)\?")


def plain_hint(text: str) -> str:
    """A sentence without names of options: "did you mean --kind action?" becomes "did you mean the kind action?"."""
    text = text.replace("--replace it", "remove that word in the tab Library")
    text = text.replace(" with --captions (--draft-captions makes a file to correct)", " as captions")
    text = text.replace("(--", "(")
    return re.sub(r"--(\w+)", lambda match: f"the {match[1]}", text)


def find_other_kind(hints: tuple[str, ...]) -> Kind | None:
    """The kind that a hint asks about; None where none does."""
    for hint in hints:
        if match := _OTHER_KIND.search(hint):
            return match[1]  # type: ignore[return-value]
    return None
