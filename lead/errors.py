"""What a user can be told about a base model, a prompt or a data set."""


class LeadError(ValueError):
    """A prompt, checkpoint or data set that cannot be used; the message says what was found and what to do."""
