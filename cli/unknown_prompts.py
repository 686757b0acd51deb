"""Prompts that are outside of what a base was trained on, said before anything is generated."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cli.console import count_noun, hint, warn
from cli.errors import UsageError

if TYPE_CHECKING:
    from lead import Lead
    from lead.text.vocabulary import Notice

LISTED = "`lead-invert vocabulary` lists what the base can do"


def find_notices(model: "Lead", prompts: Sequence[str], strict: bool) -> "list[Notice]":
    """A notice for each prompt that is outside, once; UsageError with `strict`."""
    from lead.text.vocabulary import merge_notices

    notices = merge_notices(model.find_unknown(prompts))
    if notices and strict:
        more = f"; {count_noun(len(notices) - 1, 'other prompt')} too" if len(notices) > 1 else ""
        raise UsageError(f"{notices[0].message}{more}. {LISTED}; leave --strict out to generate anyway.")
    return notices


def warn_of_each(notices: "Sequence[Notice]") -> None:
    """A line for each, and where to look."""
    for notice in notices:
        warn(notice.message)
    if notices:
        hint(LISTED)


def warn_of_all(notices: "Sequence[Notice]", prompts: int) -> None:
    """One line for all prompts of a file."""
    if notices:
        many = f"{len(notices)} of {count_noun(prompts, 'prompt')} may not show what they say, which index.jsonl notes"
        warn(f"{many}; the first is {notices[0].message}")
        hint(LISTED)
