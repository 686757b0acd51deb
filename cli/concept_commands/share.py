"""`lead-invert push` and `pull`: concept files to and from a model hub or a shared folder. Without torch.

Nothing is sent before the user has seen what would be sent, and has said yes.
"""

import hashlib
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.command import JsonObject, command
from cli.concept_commands.card import card_files
from cli.concept_commands.library import add_files
from cli.console import count_noun, echo, escape_controls, print_table, spinner, warn
from cli.errors import UsageError
from cli.load_models import find_concept
from cli.options import FileOrToken, Json, NewName, Replace

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Float

    from concepts.share import Parcel


@command
def push(
    file: FileOrToken,
    target: Annotated[str, typer.Argument(metavar="PLACE", help="hf://OWNER/NAME on the hub, or a folder.")],
    card: Annotated[
        bool, typer.Option("--card/--no-card", help="On the hub: add a README.md and a picture beside the file.")
    ] = True,
    public: Annotated[bool, typer.Option("--public", help="On the hub: everybody can read it.")] = False,
    replace: Replace = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be sent, and send nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Send without being asked.")] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show every entry that would be sent, as --dry-run does.")
    ] = False,
    as_json: Json = False,
) -> JsonObject:
    """Give a concept file to others: on a model hub, or in any folder.

    The command shows a summary of what it would send (with -v or --dry-run every entry), and sends it after you
    confirm. On the hub it creates the repository if there is none, private unless --public, and each push is a commit.
    Log in once with `hf auth login`.

    \b
    lead-invert push "<elderly>" hf://me/elderly --dry-run
    lead-invert push elderly.safetensors hf://me/elderly --public
    lead-invert push "<elderly>" /mnt/team/words
    """
    from concepts.share import prepare_parcel
    from concepts.share import push as send

    path = find_concept(file)
    sent = prepare_parcel(path, target, _card_of(path) if card and target.startswith("hf://") else None)
    if not as_json:
        _print_parcel(sent, public, verbose or dry_run)
    place = None
    if not dry_run and _confirm(sent, public, yes):
        with spinner(f"sending to {sent.target}"):
            place = send(sent, public, replace)
    if not as_json:
        echo(f"sent: {place}" if place else "nothing was sent")
    return {
        "target": sent.target,
        "private": _is_private(sent, public),
        "files": [{"name": name, "bytes": len(data), "sha256": _sha256(data)} for name, data in sent.files.items()],
        "metadata": dict(sent.metadata),
        "tensors": {name: list(tensor.shape) for name, tensor in _tensors(sent).items()},
        "sent": place,
    }


@command
def pull(
    source: Annotated[str, typer.Argument(metavar="PLACE", help="hf://OWNER/NAME[/FILE], a file, or a folder.")],
    name: NewName = None,
    replace: Replace = False,
    as_json: Json = False,
) -> JsonObject:
    """Get concept files from others into the library.

    The files are verified in a temporary place before they are added: all of them or, where one is faulty or a name is
    taken, none. Nothing in a concept file is ever run.

    \b
    lead-invert pull hf://me/elderly
    lead-invert pull hf://me/words/elderly.safetensors --as ann-elderly
    lead-invert pull /mnt/team/words
    """
    from concepts import ConceptError
    from concepts.share import fetch

    with tempfile.TemporaryDirectory(prefix="lead-invert-") as folder:
        with spinner(f"getting {source}"):
            files = fetch(source, Path(folder))
        try:
            return add_files(files, name, replace, as_json) | {"source": source}
        except ConceptError as error:
            raise ConceptError(f"{source}: {str(error).replace(folder + os.sep, '')}") from None


def _card_of(path: Path) -> dict[str, bytes]:
    """The card that goes to the hub beside a concept file, and its picture."""
    from concepts import Concept

    concept = Concept.load(path)
    return card_files(concept, concept.file_name)


def _print_parcel(sent: "Parcel", public: bool, verbose: bool) -> None:
    """The files that would be sent and what they hold in a few words, or with `verbose` each entry."""
    rows = [(name, len(data), _sha256(data) if verbose else _sha256(data)[:12]) for name, data in sent.files.items()]
    print_table(rows, ("file", "bytes", "sha256"), f"to {_place(sent, public)}")
    one = sent.concept
    if verbose:
        _print_entries(sent)
    else:
        about = [f"{one.token}, {one.kind} of {one.base}", count_noun(len(one.exemplars), "recording")]
        about += [f"{name} {text}" for name, text in (("author", one.author), ("license", one.license)) if text]
        echo(f"{'; '.join(about)}. Each entry: -v or --dry-run")
    preview = one.tensors.get("preview.joints")
    if preview is not None:
        warn(f"preview.joints shows a motion of {len(preview) / one.fps:.1f} s, which may be of a recording")


def _print_entries(sent: "Parcel") -> None:
    """Every entry that would be sent. Long lists are shown by their length; --json has them in full."""
    from concepts.concept import RECORD_KEY

    record = sent.concept.record()
    exemplars, losses = record.pop("exemplars"), record.pop("loss")
    entries: dict[str, object] = {key: text for key, text in sent.metadata.items() if key != RECORD_KEY}
    entries |= {key: value for key, value in record.items() if f"modelspec.{key}" not in entries}
    entries |= {"loss": losses and f"{len(losses)} numbers, {losses[0]:.4g} to {losses[-1]:.4g}"}
    entries |= {f"exemplar {number}": exemplar for number, exemplar in enumerate(exemplars, 1)}
    print_table([(key, _shorten(value)) for key, value in entries.items() if value], ("metadata", "value"))
    tensors = _tensors(sent)
    shown = [(name, str(list(tensor.shape))) for name, tensor in tensors.items() if not name.startswith("adapter.")]
    if len(shown) < len(tensors):
        shown.append(("adapter", f"{len(tensors) - len(shown)} small matrices"))
    print_table(shown, ("tensor", "numbers"))


def _shorten(value: object, longest: int = 160) -> str:
    from concepts import clean_text

    if isinstance(value, dict):
        parts = {key: f"{part:.4g}" if isinstance(part, float) else part for key, part in value.items() if part}
        value = ", ".join(f"{key} {part}" for key, part in parts.items())
    elif isinstance(value, list):
        value = "; ".join(map(str, value))
    text = clean_text(str(value))
    return text if len(text) <= longest else f"{text[:longest]}... ({len(text)} characters)"


def _tensors(sent: "Parcel") -> "Mapping[str, Float[np.ndarray, '...']]":
    return {"token_embedding": sent.concept.token_embedding, **sent.concept.tensors}


def _confirm(sent: "Parcel", public: bool, yes: bool) -> bool:
    """Whether the user confirms; UsageError if standard input is no terminal."""
    if yes:
        return True
    if not _is_interactive():
        raise UsageError(
            "nothing was sent: this is no terminal to confirm in. Add --yes, or --dry-run to see what would be sent."
        )
    files, size = count_noun(len(sent.files), "file"), sum(map(len, sent.files.values())) / 1024
    return typer.confirm(f"Send {files}, {size:.1f} KB, to {escape_controls(_place(sent, public))}?", err=True)


def _is_interactive() -> bool:
    return sys.stdin.isatty()


def _is_private(sent: "Parcel", public: bool) -> bool | None:
    """Whether only its owner may read it; None for a folder, which does not say."""
    return not public if sent.target.startswith("hf://") else None


def _place(sent: "Parcel", public: bool) -> str:
    private = _is_private(sent, public)
    return sent.target + ("" if private is None else " (private)" if private else " (public: everybody can read it)")


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
