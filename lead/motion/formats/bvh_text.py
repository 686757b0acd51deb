"""What BVH files are spelled in: encodings, comments, decimal commas, a whole HIERARCHY in one line.

Brings all of them to the one spelling that `lead.motion.formats.bvh` parses. Knows nothing of what statements mean.
"""

import re
from collections.abc import Iterator

_BLANK = " \t\r\n\f\v"
"""What separates words: ASCII only, for a name may have a wide space or a byte 0x85."""
_STATEMENT = re.compile(
    r"(?:ROOT|JOINT)(?![^ \t]).*"
    r"|[^ \t].*?(?=[ \t]+(?:ROOT|JOINT|END|ENDSITE|END_SITE|OFFSET|CHANNELS)(?![^ \t])|[ \t]*$)",
    re.IGNORECASE,
)
"""A name goes on to the brace or the end of the line, whatever its words are."""
_COMMENT = re.compile(r"^\s*[#;].*|(?:^|\s)//.*|\s#\s.*")
"""A name may have a '#' before a number."""
_BRACE = re.compile(r"((?<![\x80-\xff])[{}]|[{}](?=[ \t]|$))")
"""Not the second byte of a character of several bytes."""
_JAPANESE = re.compile("[\u3041-\u30fe]|[\u4e00-\u9fff]{2}")


def convert_to_ascii_bytes(content: bytes) -> bytes:
    """A file's content without byte order mark, UTF-16 and UTF-32 as UTF-8; so ASCII characters are single bytes."""
    if content.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
        return content.decode("utf-32", "replace").encode()
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace").encode()
    if b"\0" in content[:2]:
        return content.decode("utf-16-be" if content[:1] == b"\0" else "utf-16-le", "replace").encode()
    return content.removeprefix(b"\xef\xbb\xbf")


def guess_encoding(text: bytes) -> str:
    """The encoding in which the joints' names are text and come back byte for byte.

    UTF-8 if they are valid; Shift-JIS if that makes Japanese of them; else Latin-1, which takes any bytes.
    """
    for encoding in ("utf-8", "cp932"):
        try:
            names = text.decode(encoding)
        except UnicodeDecodeError:
            continue
        if encoding == "utf-8" or (_JAPANESE.search(names) and names.encode(encoding, "replace") == text):
            return encoding
    return "latin-1"


def split_statements(hierarchy: str) -> Iterator[list[str]]:
    """The words of each statement of the HIERARCHY, without comments; a brace is a statement, a name one word."""
    for line in hierarchy.replace("\r", "\n").split("\n"):
        for part in _BRACE.split(_COMMENT.sub("", line)):
            for statement in _STATEMENT.findall(re.sub(r"^\s*HIERARCHY(?![^ \t])", "", part, flags=re.IGNORECASE)):
                if not (words := [word for word in re.split(f"[{_BLANK}]+", statement) if word]):
                    continue
                if words[0].upper() in ("ROOT", "JOINT"):
                    words[1:] = [name] if (name := statement[len(words[0]) :].strip(_BLANK)) else []
                yield words


def convert_commas(numbers: bytes) -> bytes:
    """Numbers with decimal points and between blanks, whatever their commas are: decimal, or between numbers.

    Semicolons are between numbers.
    """
    numbers = numbers.replace(b";", b" ")
    if b"," not in numbers:
        return numbers
    decimal = re.search(rb"\d,\d", numbers) and b"." not in numbers
    return numbers.replace(b",", b"." if decimal else b" ")


def remove_comments(numbers: bytes) -> bytes:
    """Numbers without comments between their lines."""
    if not any(mark in numbers for mark in (b"#", b"//", b";")):
        return numbers
    return re.sub(rb"(?://|#|(?<=[\r\n]);)[^\r\n]*", b"", numbers)


def remove_blocks(text: bytes) -> bytes:
    """A file's content without comments in /* */."""
    parts, place = [], 0
    while (start := text.find(b"/*", place)) >= 0 and (end := text.find(b"*/", start + 2)) >= 0:
        parts.append(text[place:start])
        place = end + 2
    return b"".join([*parts, text[place:]]) if parts else text
