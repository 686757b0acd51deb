"""What a prompt may go on with: words of the library in brackets, and sentences that the base knows. Knows no pages."""

from collections.abc import Iterable, Sequence

MOST = 6


def complete_prompt(text: str, tokens: Sequence[str], examples: Iterable[str]) -> list[str]:
    """Prompts that begin with the text, whose case does not count, the likeliest first; none for an empty text.

    After an open bracket: the tokens that go on as what follows it, and then those that contain it. Else the examples
    that begin with the text, and then those with a token whose name begins as the last word.
    """
    start, bracket, name = text.rpartition("<")
    if bracket and ">" not in name and " " not in name:
        begun = [token for token in tokens if token[1:].startswith(name.lower())]
        inside = [token for token in tokens if name.lower() in token and token not in begun]
        return [start + token for token in (begun + inside)][:MOST]
    if not text.strip():
        return []
    plain = text.lower()
    found = [text + example[len(text) :] for example in examples if example.lower().startswith(plain)]
    before, _, last = text.rpartition(" ")
    if len(last) > 1:
        found += [f"{before} {token}".strip() for token in tokens if token[1:].startswith(last.lower())]
    return [one for one in dict.fromkeys(found) if one != text][:MOST]
