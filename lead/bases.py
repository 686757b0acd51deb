"""The project's own bases by their names, and where their files lie. Reads no file, and imports no torch."""

from collections.abc import Mapping
from pathlib import Path

from lead.errors import LeadError

WEIGHTS = Path(__file__).parent / "weights"
EMBEDDED = WEIGHTS / "lead-small.safetensors"
BASES: Mapping[str, Path] = {"embedded": EMBEDDED, "open": WEIGHTS / "lead-open.safetensors"}
"""By the names that commands and `Lead.load` take. A file is called as the base in it."""


def find_name(base: str) -> str:
    """The name in BASES of the base that calls itself so in its file; empty where it is none of these."""
    return next((name for name, path in BASES.items() if path.stem == base), "")


def name_other(base: str) -> str:
    """`find_name`, but empty for the embedded base too, which needs no naming."""
    name = find_name(base)
    return "" if BASES.get(name) == EMBEDDED else name


def locate_base(base: str | Path | None = None) -> Path:
    """The file of the base that is meant: one of BASES by its name, the embedded one by None, else the path itself.

    Raises LeadError where this installation has no file of the named base.
    """
    if base is None:
        return EMBEDDED
    path = BASES.get(str(base))
    if path is None:
        return Path(base)
    if not path.is_file():
        raise LeadError(
            f"this installation has no base {str(base)!r}: expected {path}. Install a release that has it, or train it "
            "as docs/bases.md says"
        )
    return path
