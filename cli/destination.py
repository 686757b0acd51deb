"""Where a new concept or base is saved: the library, or a file that is not there yet. Without torch."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cli.atomic_folder import check_writable
from cli.errors import UsageError
from cli.load_models import suggest_prompt

if TYPE_CHECKING:
    from concepts import Concept, Library

_ROOM = 4 << 20
"""Bytes that a concept and the state of its search take at most, but for the largest adapters."""


def refuse_existing(path: Path, option: str, replace: bool) -> None:
    """UsageError where a file would be written over another one, unless `replace`. Call it before the work."""
    if path.exists() and not replace:
        raise UsageError(f"{option} {path} exists already: name another file, or add --replace.")


def check_base_file(output: Path, option: str, replace: bool) -> None:
    """UsageError where a file cannot be a new base's. Call it before the work."""
    if output.suffix != ".safetensors":
        raise UsageError(f"{option} {output}: expected a name that ends in .safetensors.")
    if output.is_dir():
        raise UsageError(f"{option} {output} is a folder: name a file.")
    if not output.parent.is_dir():
        raise UsageError(f"{option} {output}: the folder {output.parent} does not exist. Make it first.")
    refuse_existing(output, option, replace)
    check_writable(output.parent, option)


@dataclass(frozen=True)
class Destination:
    """A place for one concept."""

    token: str
    file: Path
    library: "Library | None"
    """None for a file of the user's choice."""
    replace: bool
    """Whether a concept of the same name in the library, or the file, is replaced."""

    @classmethod
    def choose(cls, token: str, output: Path | None, replace: bool, library: "Library | None" = None) -> "Destination":
        """The library (None: the user's) or, where `output` is given, that file or a file in that folder.

        Refuses before the work what cannot be saved after it.
        """
        from concepts import Library
        from concepts.text import token_stem

        if output is None:
            library = library or Library()
            if not replace:
                library.refuse_taken(token)
            return cls(token, library.path(token), library, replace)
        example = f"{token_stem(token)}.safetensors"
        output = output / example if output.is_dir() else output
        if output.suffix != ".safetensors" or output.is_dir():
            raise UsageError(
                f"--output {output}: expected a file name that ends in .safetensors, as {example}, or a folder that is "
                "there."
            )
        refuse_existing(output, "--output", replace)
        return cls(token, output, None, replace)

    def prepare_folder(self) -> None:
        """Make the folder, with room for a concept; UsageError where that cannot be."""
        from concepts.container import write_bytes

        self.file.parent.mkdir(parents=True, exist_ok=True)
        probe = self.file.with_name(f"{self.file.name}.probe")
        try:
            write_bytes(probe, bytes(_ROOM))
        except ValueError as error:
            raise UsageError(f"{self.file.parent}: {error} ({_ROOM >> 20} MB are needed).") from None
        probe.unlink()

    def check_writable(self) -> None:
        """UsageError where the folder cannot be made or written into."""
        check_writable(self.file.parent, "LEAD_CONCEPTS" if self.library else "--output")

    def reserve(self) -> AbstractContextManager[None]:
        """No other process learns a concept into this place while the block runs."""
        from concepts.lock import hold_lock

        if self.library:
            return self.library.reserve(self.token)
        return hold_lock(self.file.with_name(f".{self.file.stem}.learning"), patience=0.0, keep=False, needed=False)

    def save(self, concept: "Concept", replace: bool = False) -> Path:
        """Write the concept; with `replace` over one of the same name in the library, whatever the user chose."""
        return self.library.add(concept, self.replace or replace) if self.library else concept.save(self.file)

    def suggest_prompt(self, concept: "Concept", prompt: str = "") -> str:
        """A line that tells how to generate with the concept from here."""
        return suggest_prompt(concept, None if self.library else self.file, prompt)
