"""The error for clips or settings that a concept cannot be learned from."""


class InversionError(ValueError):
    """Clips or settings that cannot be used; the message says what was found and what to do."""
