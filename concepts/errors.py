"""The error that users see for a concept, a concept file or a token that cannot be used."""


class ConceptError(ValueError):
    """A concept, file or token that cannot be used; the message says what was found and what to do."""
