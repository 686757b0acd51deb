"""Concept files given to others and taken from them: on a model hub, or in any folder that people share.

`parcel` gathers what would go, and touches nothing; `push` sends exactly that. `fetch` only copies: a file from
elsewhere is untrusted until it is loaded, which verifies it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from concepts.concept import SUFFIX, Concept
from concepts.container import read_bytes, unpack, write_bytes
from concepts.errors import ConceptError
from concepts.hub import SCHEME, HubPlace, download, upload
from concepts.text import quoted


@dataclass(frozen=True)
class Parcel:
    """What would go to a place, to the byte."""

    target: str
    """`hf://<owner>/<name>`, or the path of the file."""
    files: Mapping[str, bytes]
    """By the names that they will have there."""
    concept: Concept
    metadata: Mapping[str, str]
    """All of the concept file's, those too that a concept does not keep."""


def parcel(path: str | Path, target: str, beside: Mapping[str, bytes] | None = None) -> Parcel:
    """The concept file, verified, and what goes to the hub beside it; nothing is sent or written."""
    path = Path(path)
    data = _bytes(path)
    try:
        concept, metadata = Concept.from_bytes(data), unpack(data)[0]
    except ConceptError as error:
        raise ConceptError(f"{path}: {error}") from None
    name = f"{concept.slug}{SUFFIX}"
    if target.startswith(SCHEME):
        if HubPlace.parse(target).file:
            raise ConceptError(f"{quoted(target)} names a file: give the repository, the file will be {name} there")
        return Parcel(target, {name: data, **(beside or {})}, concept, metadata)
    return Parcel(str(_shared_file(target, name)), {name: data}, concept, metadata)


def push(sent: Parcel, public: bool = False, replace: bool = False) -> str:
    """Send a parcel; returns where it is now.

    On the hub each push is a commit, in a private repository unless `public`. A file in a folder is only replaced
    with `replace`.
    """
    if sent.target.startswith(SCHEME):
        return upload(HubPlace.parse(sent.target), sent.files, public)
    target = Path(sent.target)
    if target.exists() and not replace:
        raise ConceptError(f"{target} is there already: --replace it, or choose another place")
    (data,) = sent.files.values()
    try:
        write_bytes(target, data)
    except ConceptError as error:
        raise ConceptError(f"{target}: {error}") from None
    return str(target)


def fetch(source: str, folder: Path) -> list[Path]:
    """Copies of a place's concept files in a folder of ours, not yet verified.

    A place is `hf://...`, a file, or a folder of concept files.
    """
    if source.startswith(SCHEME):
        return download(HubPlace.parse(source), folder)
    if "://" in source:
        raise ConceptError(f"{quoted(source)}: expected {SCHEME}<owner>/<name>, a file or a folder; download it first")
    place = Path(source)
    found = sorted(place.glob(f"*{SUFFIX}")) if place.is_dir() else [place]
    if not found:
        raise ConceptError(f"{place}: no file that ends in {SUFFIX}. Subfolders are not searched.")
    copies = []
    for path in found:
        copies.append(folder / path.name)
        copies[-1].write_bytes(_bytes(path))
    return copies


def _shared_file(target: str, name: str) -> Path:
    """The file that a push to a folder, or to a file in one, writes."""
    if "://" in target:
        raise ConceptError(f"{quoted(target)}: expected {SCHEME}<owner>/<name> or a folder")
    place = Path(target)
    if place.is_dir():
        return place / name
    if place.suffix == SUFFIX and place.parent.is_dir():
        return place
    raise ConceptError(
        f"{place}: there is no such folder; make it, check the name, or write {SCHEME}<owner>/<name> for the hub"
    )


def _bytes(path: Path) -> bytes:
    try:
        return read_bytes(path)
    except ConceptError as error:
        raise ConceptError(f"{path}: {error}") from None
