"""`lead-invert list`, `add`, `starter`, `remove`, `rename`: the library of concepts. Without torch."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.command import JsonObject, command
from cli.console import count_noun, echo, print_table, warn
from cli.errors import UsageError
from cli.load_models import suggest_prompt, to_token
from cli.options import Json, NewName, Replace, require_path

if TYPE_CHECKING:
    from concepts import Library


@command
def list_words(as_json: Json = False) -> JsonObject:
    """List the words in the library.

    `learn` puts words there, and `generate` finds those that a prompt names. The library is a folder in your user
    data; the environment variable LEAD_CONCEPTS names another one. Only the start of each file is read; `verify` checks
    all of it.

    \b
    lead-invert list
    lead-invert list --json
    LEAD_CONCEPTS=/mnt/team/words lead-invert list
    """
    from concepts import Library

    library = Library()
    words, faults = _list_concepts(library)
    files = {library.path(token) for token in library}
    for path in sorted(library.folder.glob("*.safetensors")):
        if path not in files:
            warn(f"{path} is ignored: its name is not a word's name. Add it with `lead-invert add`")
    if not as_json:
        if words:
            rows = [
                (one.token, one.kind, one.base, one.clips, one.license, one.date, f"{one.bytes / 1024:.0f}")
                for one in words
            ]
            print_table(rows, ("token", "kind", "base", "clips", "license", "date", "KB"))
        echo(f"{count_noun(len(words), 'word')} in {library.folder}")
    return {"folder": str(library.folder), "words": [asdict(one) for one in words], "faults": faults}


@dataclass(frozen=True)
class Listed:
    """A concept in the library."""

    token: str
    title: str
    kind: str
    base: str
    license: str
    date: str
    clips: int
    bytes: int
    file: str


def _list_concepts(library: "Library") -> tuple[list[Listed], list[dict[str, str]]]:
    """The library's concepts, and the tokens and errors of those that cannot be read, with a warning for each."""
    from concepts import Concept, ConceptError

    found, faults = [], []
    for token, summary in library.read_each(Concept.read_summary):
        if isinstance(summary, ConceptError):
            faults.append({"token": token, "error": str(summary)})
            warn(str(summary))
            continue
        path = library.path(token)
        found.append(Listed(**vars(summary), bytes=path.stat().st_size, file=str(path)))
    return found, faults


@command
def add(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Concept files.")],
    name: NewName = None,
    replace: Replace = False,
    as_json: Json = False,
) -> JsonObject:
    """Put concept files into the library.

    Each file is verified first, then copied unchanged. A name that is taken is refused: give another name with --as,
    or use --replace.

    \b
    lead-invert add elderly.safetensors
    lead-invert add downloads/limp.safetensors --as old-limp
    lead-invert add *.safetensors --replace
    """
    return add_files([require_path(file, "a concept file") for file in files], name, replace, as_json)


def add_files(files: list[Path], name: str | None, replace: bool, as_json: bool) -> JsonObject:
    """Add all files or, where one is faulty or its name is taken, none."""
    from concepts import Concept, Library

    if name is not None and len(files) > 1:
        raise UsageError(f"--as {name} is one name for {len(files)} files; add them one by one.")
    library = Library()
    tokens = [to_token(name) if name else Concept.load(file).token for file in files]
    if twice := next((token for token in tokens if tokens.count(token) > 1), None):
        same = [str(file) for file, token in zip(files, tokens, strict=True) if token == twice]
        raise UsageError(f"{' and '.join(same)} are both {twice}; add one, and the other with --as.")
    if not replace:
        for token in tokens:
            library.refuse_taken(token)
    paths = [library.add_file(file, token, replace) for file, token in zip(files, tokens, strict=True)]
    added = []
    for token, path in zip(tokens, paths, strict=True):
        concept = library.load(token)
        added.append({"token": token, "kind": concept.kind, "base": concept.base, "license": concept.license,
                      "file": str(path)})  # fmt: skip
    if not as_json:
        print_table([list(word.values()) for word in added], ("token", "kind", "base", "license", "file"))
        echo(suggest_prompt(library.load(tokens[0])))
    return {"folder": str(library.folder), "added": added}


@command
def starter(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME...]", help="Words to add, with or without brackets.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Add all of them.")] = False,
    replace: Replace = False,
    as_json: Json = False,
) -> JsonObject:
    """List the words that come with the package, or add some of them to the library.

    The gallery in the documentation shows each of them moving. Their clips are free for all uses; `list` and `card`
    tell the license of a word.

    \b
    lead-invert starter
    lead-invert starter sneaky whirl
    lead-invert starter --all
    """
    from concepts import Library

    words = Library.starter()
    if names and every:
        raise UsageError("--all adds all words: leave out their names, or leave out --all.")
    if names or every:
        tokens = [to_token(name) for name in names or ()] or words.names()
        return add_files([words.locate(token) for token in dict.fromkeys(tokens)], None, replace, as_json)
    found, _ = _list_concepts(words)
    own = Library().names()
    if not as_json:
        rows = [(one.token, one.kind, one.title, "yes" if one.token in own else "no") for one in found]
        print_table(rows, ("token", "kind", "meaning", "in the library"))
        echo("Add words with `lead-invert starter NAME...`, or all of them with --all.")
    return {"words": [asdict(one) | {"in_library": one.token in own} for one in found]}


@command
def remove(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Words, with or without brackets.")],
    as_json: Json = False,
) -> JsonObject:
    """Remove words from the library. This deletes their files.

    \b
    lead-invert remove elderly
    lead-invert remove "<elderly>" "<limp>"
    """
    from concepts import Library

    library, tokens = Library(), list(dict.fromkeys(to_token(name) for name in names))
    for token in tokens:
        library.locate(token)
    for token in tokens:
        library.remove(token)
    if not as_json:
        echo(f"removed {', '.join(tokens)}")
    return {"folder": str(library.folder), "removed": tokens}


@command
def rename(
    old: Annotated[str, typer.Argument(metavar="OLD", help="A word in the library.")],
    new: Annotated[str, typer.Argument(metavar="NEW", help="Its new name.")],
    as_json: Json = False,
) -> JsonObject:
    """Give a word in the library another name.

    The name is written into the word's file too, and prompts then use it. A name that is taken is refused.

    \b
    lead-invert rename limp old-limp
    lead-invert rename "<limp>" "<old-limp>"
    """
    from concepts import Library

    library = Library()
    path = library.rename(to_token(old), to_token(new))
    if not as_json:
        echo(f"{to_token(old)} is {to_token(new)} now: {path}")
    return {"old": to_token(old), "new": to_token(new), "file": str(path)}
