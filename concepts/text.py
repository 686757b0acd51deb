"""Text and values of unknown origin: cleaned for display, checked, and the rule for a token.

People exchange concept files, so every text in a file may end on somebody's terminal or web page. `clean_text` removes
what could act there: terminal escape sequences, control and bidirectional characters, lone surrogates. It does not know
markup: a program that prints through rich or as HTML escapes that itself.

The `as_...` functions check one value and return it cleaned, or raise a ConceptError that names it. The same functions
run when a concept is made and when it is read: nothing can be saved that would be refused on loading.
"""

import datetime
import math
import re
import reprlib
import unicodedata
from collections.abc import Mapping
from numbers import Integral, Real

from concepts.errors import ConceptError

TOKEN = re.compile(r"<[a-z0-9][a-z0-9-]{0,62}>")
"""A token: 1 to 63 small ASCII letters, digits and hyphens in angle brackets; a letter or digit comes first."""
_DEVICE = re.compile(r"con|prn|aux|nul|(com|lpt)[0-9]")
"""Names that Windows reserves, whatever ending a file has."""

# CSI, string commands (OSC, DCS, SOS, PM, APC) up to their end, and two-character escapes (ECMA-48).
_ESCAPE_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x90\x98\x9d\x9e\x9f]).*?(?:\x07|\x1b\\|\x9c|\Z)"
    r"|\x1b[ -/]*[0-~]",
    re.DOTALL,
)
_LINE_END = re.compile("\r\n|[\r\n\v\f\x85\u2028\u2029]")
_REMOVED_CATEGORIES = {"Cc", "Cf", "Cs"}
_JOINERS = {"\u200c", "\u200d"}  # category Cf, but Persian, Indic scripts and emoji are wrong without them

_short_repr = reprlib.Repr()
_short_repr.maxstring = _short_repr.maxother = 80

_PATH = re.compile(
    r"[/~\\]"  # absolute, home, Windows share
    r"|\.{1,2}([/\\]|$)"  # relative to a folder
    r"|[A-Za-z]:[/\\]"  # a Windows drive
    r"|file:"
    # folder/clip.bvh, but not a web address
    r"|(?!\w+://).*[/\\].*\.(bvh|np[yz]|fbx|c3d|amc|glb|gltf|csv|pkl|safetensors|ckpt|pth?)$",
    re.IGNORECASE,
)


def clean_text(text: str, lines: bool = False) -> str:
    """The text without escape sequences, control, bidi and other invisible characters, stripped at both ends.

    With `lines` line ends become a newline, otherwise a space. Tabs become a space. Cleaning twice gives the same text.
    """
    if text.isascii() and text.isprintable():
        return text.strip()
    text = _ESCAPE_SEQUENCE.sub("", text)
    text = _LINE_END.sub("\n" if lines else " ", text).replace("\t", " ")
    return "".join(
        c for c in text if c == "\n" or c in _JOINERS or unicodedata.category(c) not in _REMOVED_CATEGORIES
    ).strip()


def quote(value: object) -> str:
    """A value for an error message: escaped, in quotes, shortened."""
    return _short_repr.repr(value)


def is_path(text: str) -> bool:
    """Whether the text looks like a path on somebody's disk, which must not stand in a shared file."""
    return _PATH.match(text) is not None


def check_token(token: object) -> str:
    """Return the token if it matches `TOKEN`; otherwise raise a ConceptError that says how to write it."""
    if isinstance(token, str) and TOKEN.fullmatch(token):
        return token
    name = slugify(str(token))[:63].strip("-")
    advice = f'write it as "<{name}>"' if name else 'write it like "<my-walk>"'
    if isinstance(token, str) and not (token.startswith("<") and token.endswith(">")):
        raise ConceptError(
            f"the token {quote(token)} has no angle brackets: {advice} (on a command line with the quotes)"
        )
    raise ConceptError(
        f"the token {quote(token)} cannot be a word's name: expected small letters a-z, digits and hyphens "
        f"between angle brackets, at most 63, not starting with a hyphen; {advice}"
    )


def slugify(text: str) -> str:
    """A text as small ASCII letters, digits and single hyphens: `Old man, limping` gives `old-man-limping`."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


def token_slug(token: str) -> str:
    """The token without its brackets: `<moonwalk>` gives `moonwalk`."""
    return check_token(token)[1:-1]


def token_stem(token: str) -> str:
    """The name of a token's file, without its ending: `moonwalk`; `con_` for <con>, a device of Windows."""
    slug = token_slug(token)
    return f"{slug}_" if _DEVICE.fullmatch(slug) else slug


def stem_to_token(stem: str) -> str | None:
    """The token whose file has this name; None where no token's has. The inverse of `token_stem`."""
    token = f"<{stem.removesuffix('_')}>"
    return token if TOKEN.fullmatch(token) and token_stem(token) == stem else None


def as_text(value: object, name: str, limit: int, lines: bool = False) -> str:
    """A cleaned text of at most `limit` characters; with `lines` line ends stay."""
    if not isinstance(value, str):
        raise ConceptError(f"{name} is {quote(value)}, expected a text")
    text = clean_text(value, lines)
    if len(text) > limit:
        raise ConceptError(f"{name} has {len(text)} characters, at most {limit}: shorten it")
    return text


def as_number(value: object, name: str) -> float:
    """A finite float."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ConceptError(f"{name} has {quote(value)}, expected a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ConceptError(f"{name} has {quote(value)}, expected a finite number")
    return number


def as_fps(value: object, name: str) -> float:
    """Frames a second, 1 to 1000."""
    rate = as_number(value, name)
    if not 1 <= rate <= 1000:
        raise ConceptError(f"{name} is {rate}, expected 1 to 1000 frames a second")
    return rate


def as_count(value: object, name: str, least: int = 0) -> int:
    """A whole number that fits 64 bits."""
    if isinstance(value, bool) or not isinstance(value, Integral) or not least <= int(value) < 2**63:
        raise ConceptError(f"{name} is {quote(value)}, expected a whole number from {least} up")
    return int(value)


def as_list(value: object, name: str, limit: int) -> list[object]:
    """A list of at most `limit` entries."""
    if not isinstance(value, list | tuple):
        raise ConceptError(f"{name} is {quote(value)}, expected a list")
    if len(value) > limit:
        raise ConceptError(f"{name} has {len(value)} entries, at most {limit}")
    return list(value)


def as_mapping(value: object, name: str, limit: int = 1024) -> dict[str, object]:
    """A dict with text keys and at most `limit` entries."""
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise ConceptError(f"{name} is {quote(value)}, expected a table by name")
    if len(value) > limit:
        raise ConceptError(f"{name} has {len(value)} entries, at most {limit}")
    return dict(value)


def as_fingerprints(value: object) -> dict[str, str]:
    """Digests by the parts of a base; the text tower's must be among them."""
    digests: dict[str, str] = {}
    for part, digest in as_mapping(value, "fingerprints", 32).items():
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,31}", part):
            raise ConceptError(f"fingerprints has the part {quote(part)}, expected a name such as text or vae")
        if not isinstance(digest, str) or not re.fullmatch(r"[0-9a-f]{8,64}", digest):
            raise ConceptError(f"fingerprint of {part} is {quote(digest)}, expected 8 to 64 small hex digits")
        digests[part] = digest
    if "text" not in digests:
        raise ConceptError('fingerprints lacks "text": without it nobody can tell which text tower the word is for')
    return digests


def as_template(value: object) -> str:
    """A prompt with one place for the token."""
    text = as_text(value, "a template", 400)
    if text.count("{}") != 1:
        raise ConceptError(f"template {quote(text)} has {text.count('{}')} places for the word, expected one {{}}")
    return text


def check_date(date: str) -> None:
    """ConceptError unless the date is empty or of ISO 8601."""
    try:
        if date and not re.match(r"\d{4}-\d\d-\d\d", date):
            raise ValueError("not a calendar date")
        datetime.datetime.fromisoformat(date or "2000-01-01")
    except ValueError:
        raise ConceptError(f"date is {quote(date)}, expected ISO 8601 such as 2026-01-31") from None
