"""Text that comes from strangers: cleaned for display, and the rule for a word's name.

A concept file is traded between people, so every text in it may end on somebody's terminal or web page.
`clean_text` takes out what could act there: terminal escape sequences, control and bidirectional characters,
lone surrogates. It does not know markup: who prints through rich or as HTML escapes for that.
"""

import re
import reprlib
import unicodedata

from concepts.errors import ConceptError

TOKEN = re.compile(r"<[a-z0-9][a-z0-9-]{0,62}>")

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

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = 80

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

    Line ends become a newline with `lines`, else a space; tabs become a space. Cleaning twice changes nothing
    more.
    """
    text = _ESCAPE_SEQUENCE.sub("", text)
    text = _LINE_END.sub("\n" if lines else " ", text).replace("\t", " ")
    return "".join(
        c for c in text if c == "\n" or c in _JOINERS or unicodedata.category(c) not in _REMOVED_CATEGORIES
    ).strip()


def quoted(value: object) -> str:
    """A value as it may stand in an error message: escaped, in quotes, shortened."""
    return _SHORT.repr(value)


def is_path(text: str) -> bool:
    """Whether the text looks like a place on somebody's disk, which must not travel in a shared file."""
    return _PATH.match(text) is not None


def check_token(token: str) -> str:
    """The token itself if it is written as `<name>`, else a ConceptError that says how to write it.

    A name has 1 to 63 characters, small ASCII letters, digits and hyphens, and starts with a letter or digit.
    """
    if isinstance(token, str) and TOKEN.fullmatch(token):
        return token
    ascii_text = unicodedata.normalize("NFKD", str(token)).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9]+", "-", ascii_text).strip("-")[:63].strip("-")
    advice = f'write it as "<{name}>"' if name else 'write it like "<my-walk>"'
    if isinstance(token, str) and not (token.startswith("<") and token.endswith(">")):
        raise ConceptError(
            f"the token {quoted(token)} has no angle brackets: {advice} (on a command line with the quotes)"
        )
    raise ConceptError(
        f"the token {quoted(token)} cannot be a word's name: expected small letters a-z, digits and hyphens "
        f"between angle brackets, at most 63, not starting with a hyphen; {advice}"
    )


def token_slug(token: str) -> str:
    """A token's name without the brackets, fit for a file name: `<moonwalk>` gives `moonwalk`."""
    return check_token(token)[1:-1]
