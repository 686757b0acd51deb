"""What a user can be told about a motion file or array that cannot be used."""


class MotionError(ValueError):
    """A motion that cannot be read, matched or written; the message says what was found and what to do."""
