"""What a user can be told about a concept file or a word that cannot be used."""


class ConceptError(ValueError):
    """A concept, file or token that cannot be used; the message says what was found and what to do."""
