"""Errors whose message is meant for the user: the CLI's own, and those of the packages that it calls."""

import re
import sys


class UsageError(ValueError):
    """Options or files that cannot be used together; the message says which and what to do."""


USER_ERRORS = {
    "concepts.errors": "ConceptError",
    "inversion.errors": "InversionError",
    "lead.errors": "LeadError",
    "lead.hub": "HubError",
    "lead.motion.errors": "MotionError",
}
"""By module, so that none is imported for its error alone."""

LONG_WORD = re.compile(r"\S{300,}")


def user_errors() -> tuple[type[Exception], ...]:
    """The errors whose message is meant for the user. A module that was never imported cannot have raised its own."""
    ours = [getattr(sys.modules[module], name) for module, name in USER_ERRORS.items() if module in sys.modules]
    return UsageError, OSError, *ours


def to_message(error: Exception) -> str:
    """What a user reads of one of those errors."""
    if isinstance(error, OSError) and error.strerror:
        place = f"{error.filename}: " if error.filename else ""
        advice = "; free some space, or name another with TMPDIR" if "temporary directory" in error.strerror else ""
        return shorten_words(f"{place}{error.strerror}{advice}")
    return shorten_words(str(error))


def shorten_option(text: str) -> str:
    """What was given for an option, without the middle of what nobody reads to its end."""
    return text if len(text) <= 200 else f"{text[:100]}...{text[-60:]}"


def shorten_words(text: str) -> str:
    """A message without the middle of words that nobody reads to their end, as of a value of thousands of letters."""
    return LONG_WORD.sub(lambda found: f"{found[0][:100]}...{found[0][-60:]}", text)
