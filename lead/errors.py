"""`LeadError`: a base model, a prompt or a data set that cannot be used."""


class LeadError(ValueError):
    """A prompt, checkpoint or data set that cannot be used. The message says what was found and what to do."""


def show_value(value: object) -> str:
    """A value of unknown origin, in few letters."""
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # more digits than Python writes, or too deep
        return f"a value of the type {type(value).__name__} that is too long to show"
    return text if len(text) <= 60 else f"{text[:57]}..."
