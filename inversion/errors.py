"""What a user can be told about clips or settings that a word cannot be learned from."""


class InversionError(ValueError):
    """Clips or settings that cannot be used; the message says what was found and what to do."""
