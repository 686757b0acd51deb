"""`LeadError`: a base model, a prompt or a data set that cannot be used."""


class LeadError(ValueError):
    """A prompt, checkpoint or data set that cannot be used. The message says what was found and what to do."""
