"""Send concept files to a place and fetch them from one: a model hub, or a folder that people share.

`prepare_parcel` gathers what would go, and touches nothing; `push` sends exactly that. `fetch` only copies: a file from
elsewhere is untrusted until it is loaded, which verifies it.
Places on the hub are those of `lead.hub`, whose errors are HubErrors.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from concepts.concept import SUFFIX, Concept
from concepts.container import MAX_FILE_BYTES, read_bytes, unpack, write_bytes
from concepts.errors import ConceptError, name_file_in_errors
from concepts.text import quote
from lead.hub import SCHEME, HubPlace, download, upload


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


def prepare_parcel(path: str | Path, target: str, beside: Mapping[str, bytes] | None = None) -> Parcel:
    """The concept file, verified, and what goes to the hub beside it; nothing is sent or written."""
    path = Path(path)
    data = _read_named(path)
    with name_file_in_errors(path):
        concept, metadata = Concept.from_bytes(data), unpack(data)[0]
    name = concept.file_name
    if target.startswith(SCHEME):
        place = HubPlace.parse(target)
        if place.file or place.revision:
            raise ConceptError(f"{quote(target)} names a file: give the repository, the file will be {name} there")
        return Parcel(target, {name: data, **(beside or {})}, concept, metadata)
    return Parcel(str(_choose_target(target, name)), {name: data}, concept, metadata)


def push(parcel: Parcel, public: bool = False, replace: bool = False) -> str:
    """Send a parcel; returns where it is now.

    On the hub each push is a commit, in a private repository unless `public`. A file in a folder is only replaced
    with `replace`.
    """
    if parcel.target.startswith(SCHEME):
        return upload(HubPlace.parse(parcel.target), parcel.files, public)
    target = Path(parcel.target)
    if target.exists() and not replace:
        raise ConceptError(f"{target} is there already: --replace it, or choose another place")
    (data,) = parcel.files.values()
    with name_file_in_errors(target):
        write_bytes(target, data)
    return str(target)


def fetch(source: str, folder: Path) -> list[Path]:
    """Copies of a place's concept files in a folder of ours, not yet verified.

    A place is `hf://...`, a file, or a folder of concept files.
    """
    if source.startswith(SCHEME):
        return download(HubPlace.parse(source), MAX_FILE_BYTES, folder=folder)
    if "://" in source:
        raise ConceptError(f"{quote(source)}: expected {SCHEME}<owner>/<name>, a file or a folder; download it first")
    place = Path(source)
    found = sorted(place.glob(f"*{SUFFIX}")) if place.is_dir() else [place]
    if not found:
        raise ConceptError(f"{place}: no file that ends in {SUFFIX}. Subfolders are not searched.")
    copies = []
    for path in found:
        copies.append(folder / path.name)
        copies[-1].write_bytes(_read_named(path))
    return copies


def _choose_target(target: str, name: str) -> Path:
    """The file that a push to a folder, or to a file in one, writes."""
    if "://" in target:
        raise ConceptError(f"{quote(target)}: expected {SCHEME}<owner>/<name> or a folder")
    place = Path(target)
    if place.is_dir():
        return place / name
    if place.suffix == SUFFIX and place.parent.is_dir():
        return place
    raise ConceptError(
        f"{place}: there is no such folder; make it, check the name, or write {SCHEME}<owner>/<name> for the hub"
    )


def _read_named(path: Path) -> bytes:
    with name_file_in_errors(path):
        return read_bytes(path)
